"""Two people saved the same prompt: both texts, what differs besides, and both changes together."""

import json
from dataclasses import dataclass
from typing import Any

from core import diffing
from core.json import is_same
from prompts.admin.reading import content_as_text
from prompts.forms import TAKE_OVER, PromptForm
from prompts.models import Prompt, PromptVersion

__all__ = ["Conflict", "describe_conflict"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """What a page shows of a conflict."""

    began: int
    """The version that the edit began with."""
    newest: PromptVersion
    """The version that somebody else saved meanwhile."""
    content: str
    """Its content, as it is stored."""
    rows: list[diffing.Row]
    """Their content beside what was typed; empty where they are the same."""
    fields: list[tuple[str, str, str]]
    """What differs besides: the field's label, theirs, and what was typed."""
    merged: str
    """Both changes of the text together, empty where there is nothing to merge."""
    overlaps: int
    """Places that both changed differently: they stand in `merged` between marks."""
    button: str
    """The name of the button that saves what was typed all the same."""
    seen: str
    """The button's value: the state that this page shows. A newer one is a conflict again."""

    @property
    def next_number(self) -> int:
        """The number that the next version gets."""
        return self.newest.number + 1


def describe_conflict(form: Any) -> Conflict | None:
    """Return what a form that was refused as stale has to show, None where it was not."""
    theirs = form.conflict if isinstance(form, PromptForm) else None
    if theirs is None:
        return None
    began = form.cleaned_data.get("expected_version") or theirs.current_version
    numbers = {began, theirs.current_version}
    versions = {row.number: row for row in theirs.versions.filter(number__in=numbers)}
    typed = str(form.data.get("content", "")).replace("\r\n", "\n")
    their_text = content_as_text(theirs.kind, theirs.content)
    typed_text = content_as_text(str(form.data.get("kind", "")), typed)
    rows = []
    if their_text != typed_text:
        rows = diffing.compare(their_text, typed_text)
    merged, overlaps = _merge(versions.get(began), theirs, typed)
    return Conflict(
        began=began,
        newest=versions[theirs.current_version],
        content=theirs.content,
        rows=rows,
        fields=list(_other_fields(form, theirs)),
        merged=merged,
        overlaps=overlaps,
        button=TAKE_OVER,
        seen=f"{theirs.current_version} {theirs.updated_at.isoformat()}",
    )


def _merge(base: PromptVersion | None, theirs: Prompt, typed: str) -> tuple[str, int]:
    if base is None:  # nobody knows what was changed on either side
        return "", 0
    # Where one side alone changed the text, that one is the result.
    if typed in (theirs.content, base.content) or theirs.content == base.content:
        return "", 0
    return diffing.merge(base.content, typed, theirs.content)


def _other_fields(form: PromptForm, theirs: Prompt) -> Any:
    for name in PromptForm.Meta.fields:
        if name == "content" or name not in form.cleaned_data:
            continue
        mine = form.cleaned_data[name]
        other = getattr(theirs, name)
        if not is_same(mine, other):
            label = str(form.fields[name].label or name)
            yield label, _as_text(form, name, other), _as_text(form, name, mine)


def _as_text(form: PromptForm, name: str, value: Any) -> str:
    choices = dict(getattr(form.fields[name], "choices", ()))
    if isinstance(value, str):
        return str(choices.get(value, value))
    if name == "tags":
        return ", ".join(map(str, value or ()))
    return json.dumps(value, ensure_ascii=False, indent=2)
