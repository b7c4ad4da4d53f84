"""Writes to prompts and their versions.

A prompt's wording is always that of its newest version: a change of wording makes the next one,
and going back to an old one copies it forward. Every writer locks the prompt by the transaction
it opens (IMMEDIATE on SQLite), so that numbers have no gaps and no twins.
"""

from collections.abc import Collection, Iterable
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import InvalidInputError, NotFoundError, StaleEditError
from core.json import is_same
from core.sentences import Sentence
from core.services import check_fields, find_row, refuse_unknown
from prompts.mapping import content_hash
from prompts.models import WORDING_FIELDS, Prompt, PromptEvent, PromptVersion
from prompts.naming import make_name, number_name
from prompts.releases_cache import forget_releases
from prompts.services.contracts import refuse_problems, resolve_includes
from prompts.services.events import announce, describe_changes
from prompts.services.webhooks import tell_of_versions

__all__ = [
    "EDITABLE",
    "build_version",
    "check_name_is_free",
    "create_prompt",
    "delete_prompt",
    "edit_prompt",
    "free_names",
    "new_prompt",
    "new_version",
    "restore_prompt",
    "restore_version",
    "set_status",
    "unarchive_prompts",
]

PromptId = UUID | str
WORDING: Final = frozenset(WORDING_FIELDS) - {"includes"}  # which the service itself fills in
EDITABLE: Final = WORDING | {
    *("title", "name", "description", "user_id", "status", "tags", "metadata"),
}


def new_prompt(**fields: object) -> Prompt:
    """Return a checked prompt that is not in the database yet; its name may be taken there.

    Args:
        **fields: `title`, `content` and any other editable one.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    values = {}
    for name, value in fields.items():
        # None is "not specified", for which the model has a default; of these two it has none.
        if value is not None or name in ("title", "content"):
            values[name] = value
    prompt = Prompt(**values)
    if not prompt.name:
        prompt.name = make_name(str(prompt.title))
    _check(prompt)
    return prompt


def build_version(prompt: Prompt, *, author: str = "", change_note: str = "") -> PromptVersion:
    """Return the version of what `prompt` says now, neither checked nor in the database yet."""
    wording = {name: getattr(prompt, name) for name in WORDING_FIELDS}
    return PromptVersion(
        prompt=prompt,
        number=prompt.current_version,
        content_hash=content_hash(prompt),
        author=author,
        change_note=change_note,
        **wording,
    )


def new_version(prompt: Prompt, *, author: str = "", change_note: str = "") -> PromptVersion:
    """Return the version of what `prompt` says now, checked and not in the database yet.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    version = build_version(prompt, author=author, change_note=change_note)
    check_fields(version, exclude={"prompt"})
    return version


@transaction.atomic
def create_prompt(*, title: str, content: str, author: str = "", **fields: Any) -> Prompt:
    """Create a prompt and its version 1.

    Args:
        title: 1 to 255 characters.
        content: kept exactly as it is, white space included; not blank.
        author: who writes it, recorded with the version.
        **fields: `name` (made of the title if not given), `description`, `kind`, `syntax`,
            `variables`, `config`, `user_id`, `status`, `tags`, `metadata` of the prompt, and the
            version's `change_note`.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    change_note = fields.pop("change_note", "")
    refuse_unknown(fields, EDITABLE)
    prompt = new_prompt(title=title, content=content, **fields)
    if fields.get("name"):
        check_name_is_free(prompt)
    else:
        [prompt.name] = free_names([prompt.name])
    version = new_version(prompt, author=author, change_note=change_note)
    prompt.save(force_insert=True)
    version.save(force_insert=True)
    tell_of_versions([version], actor=author)
    if prompt.status != Prompt.Status.DRAFT:
        announce([prompt], kind=PromptEvent.Kind.STATUS, actor=author, after=prompt.status)
    forget_releases()
    return prompt


def free_names(stems: Iterable[str], taken: Collection[str] = ()) -> list[str]:
    """Return a free name for each stem: itself, or with a number after it."""
    names = list(stems)
    in_database = Prompt.objects.order_by().filter(name__in=names)
    used = set(taken) | set(in_database.values_list("name", flat=True))
    for stem in sorted(used.intersection(names)):
        # All that begin so at once: the number that is free is then counted here.
        beginning = Prompt.objects.order_by().filter(name__startswith=stem[:50])
        used |= set(beginning.values_list("name", flat=True))
    free_ones = []
    for name in names:
        free = number_name(name, used)
        used.add(free)  # two rows of one import may ask for the same
        free_ones.append(free)
    return free_ones


@transaction.atomic
def edit_prompt(
    *,
    prompt_id: PromptId,
    author: str = "",
    change_note: str = "",
    expected_version: int | None = None,
    **changes: object,
) -> Prompt:
    """Change fields of a prompt; another wording becomes the next version.

    Args:
        prompt_id: the prompt.
        author: who edits it, recorded with the version.
        change_note: why, recorded with the version.
        expected_version: the current version when the editor began, where that is known.
        **changes: any of `title`, `name`, `description`, `content`, `kind`, `syntax`,
            `variables`, `config`, `user_id`, `status`, `tags`, `metadata`.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
        NotFoundError: there is no such prompt, or it is deleted.
        StaleEditError: there is a newer version than `expected_version`.
    """
    refuse_unknown(changes, EDITABLE)
    prompt = find_row(Prompt, prompt_id)
    if expected_version is not None and prompt.current_version != expected_version:
        raise StaleEditError(
            "prompt.stale",
            title=prompt.title,
            newest=prompt.current_version,
            began=expected_version,
        )
    before = {name: getattr(prompt, name) for name in EDITABLE | {"includes"}}
    for name, value in changes.items():
        setattr(prompt, name, value)
    changed = {name for name in changes if not is_same(getattr(prompt, name), before[name])}
    if changed & WORDING or "content" in changes:
        # Settled even where nothing seems to change: what is included may have moved.
        _check(prompt)
        changed = {name for name in before if not is_same(getattr(prompt, name), before[name])}
    elif changed:
        check_fields(prompt)
    if changed:
        _save_changes(prompt, before, changed, author=author, change_note=change_note)
    return prompt


def _check(prompt: Prompt) -> None:
    """Raise InvalidInputError for every field that is wrong, the wording's problems among them."""
    problems: dict[str, Sentence] = {}
    try:
        check_fields(prompt)
    except InvalidInputError as error:
        problems = error.problems
    if not problems.keys() & WORDING:
        try:
            refuse_problems(resolve_includes(prompt))
        except InvalidInputError as error:
            problems |= error.problems
    if problems:
        raise InvalidInputError(problems)


def check_name_is_free(prompt: Prompt) -> None:
    """Raise InvalidInputError where another prompt has its name."""
    if Prompt.objects.filter(name=prompt.name).exclude(pk=prompt.pk).exists():
        raise InvalidInputError({"name": Sentence("prompt.name-taken", name=prompt.name)})


def _save_changes(
    prompt: Prompt, before: dict[str, object], changed: set[str], *, author: str, change_note: str
) -> None:
    if "name" in changed:
        check_name_is_free(prompt)
    if changed & set(WORDING_FIELDS):
        prompt.current_version += 1
        version = new_version(prompt, author=author, change_note=change_note)
        version.save(force_insert=True)
        tell_of_versions([version], actor=author)
        changed = changed | {"current_version"}
    _announce_changes(prompt, before, changed, actor=author, reason=change_note)
    prompt.save(update_fields=changed)
    forget_releases()


def _announce_changes(
    prompt: Prompt, before: dict[str, object], changed: set[str], *, actor: str, reason: str
) -> None:
    """Write what the versions do not tell: fields of the prompt itself, and its status."""
    if "status" in changed:
        announce(
            [prompt],
            kind=PromptEvent.Kind.STATUS,
            actor=actor,
            reason=reason,
            before=before["status"],
            after=prompt.status,
        )
    fields = changed - set(WORDING_FIELDS) - {"status", "current_version"}
    if fields:
        details = describe_changes(before, {name: getattr(prompt, name) for name in fields})
        announce(
            [prompt], kind=PromptEvent.Kind.EDITED, actor=actor, reason=reason, details=details
        )


@transaction.atomic
def restore_version(
    *, prompt_id: PromptId, number: int, author: str = "", change_note: str = ""
) -> Prompt:
    """Make the wording of version `number` current, as a new version.

    Where the wording is current already nothing changes.

    Raises:
        NotFoundError: there is no such prompt or version, or the prompt is deleted.
    """
    prompt = find_row(Prompt, prompt_id)
    version = PromptVersion.objects.filter(prompt=prompt, number=number).first()
    if version is None:
        raise NotFoundError("prompt.no-version", number=number)
    if not change_note:
        change_note = _("Restored version %(number)d") % {"number": number}
    wording = {name: getattr(version, name) for name in WORDING}
    return edit_prompt(prompt_id=prompt_id, author=author, change_note=change_note, **wording)


@transaction.atomic
def set_status(
    prompts: Iterable[Prompt], *, status: Prompt.Status, actor: str = "", reason: str = ""
) -> int:
    """Give all `prompts` the status; return how many had another one."""
    by_status: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        if prompt.status != status:
            by_status.setdefault(prompt.status, []).append(prompt)
    keys = []
    for before, changing in sorted(by_status.items()):
        keys += [prompt.pk for prompt in changing]
        announce(
            changing,
            kind=PromptEvent.Kind.STATUS,
            actor=actor,
            reason=reason,
            before=before,
            after=status,
        )
    Prompt.objects.filter(pk__in=keys).update(status=status)
    return len(keys)


@transaction.atomic
def unarchive_prompts(prompts: Iterable[Prompt], *, actor: str = "", reason: str = "") -> int:
    """Give archived prompts back the status that they had before; return how many."""
    archived = [prompt for prompt in prompts if prompt.status == Prompt.Status.ARCHIVED]
    events = PromptEvent.objects.filter(
        prompt__in=archived, kind=PromptEvent.Kind.STATUS, after=Prompt.Status.ARCHIVED
    ).order_by("id")
    before = dict(events.values_list("prompt_id", "before"))  # of several the last one stays
    drafts = []
    active = []
    for prompt in archived:
        if before.get(prompt.pk) == Prompt.Status.ACTIVE:
            active.append(prompt)
        else:
            drafts.append(prompt)  # one that was archived from the beginning was never in use
    set_status(drafts, status=Prompt.Status.DRAFT, actor=actor, reason=reason)
    set_status(active, status=Prompt.Status.ACTIVE, actor=actor, reason=reason)
    return len(archived)


@transaction.atomic
def delete_prompt(*, prompt_id: PromptId, actor: str = "", reason: str = "") -> None:
    """Put a prompt into the trash; its versions and evaluations stay.

    Raises:
        NotFoundError: there is no such prompt, or it is deleted already.
    """
    prompt = find_row(Prompt, prompt_id)
    announce([prompt], kind=PromptEvent.Kind.DELETED, actor=actor, reason=reason)
    prompt.delete()
    forget_releases()


@transaction.atomic
def restore_prompt(*, prompt_id: PromptId, actor: str = "", reason: str = "") -> Prompt:
    """Take a deleted prompt back.

    Raises:
        InvalidInputError: another prompt has taken its name since.
        NotFoundError: there is no such prompt, or it is not deleted.
    """
    prompt = find_row(Prompt, prompt_id, deleted=True)
    check_name_is_free(prompt)
    announce([prompt], kind=PromptEvent.Kind.RESTORED, actor=actor, reason=reason)
    prompt.restore()
    forget_releases()
    return prompt
