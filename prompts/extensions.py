"""What other apps add to prompts, registered in their `AppConfig.ready`.

- a release check says whether a version may have a label that needs checks;
- a panel is a tab on a prompt's page in the admin;
- scores are small numbers over time, drawn in the list of prompts.

Prompts call what is registered and import nobody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.http import HttpRequest
from django.utils.functional import Promise

__all__ = [
    "Candidate",
    "Panel",
    "ReleaseCheck",
    "Verdict",
    "panels",
    "register_check",
    "register_panel",
    "register_scores",
    "run_checks",
    "score_source",
    "unregister_check",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """The version that a label is to move to."""

    prompt_id: UUID
    """Key of the prompt."""
    version_id: UUID
    """Key of the version."""
    name: str
    """Name of the prompt."""
    number: int
    """Number of the version."""
    content_hash: str
    """What exactly would be released."""
    label: str
    """The label that is to move."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a check says of a candidate."""

    passed: bool
    """Whether the label may move."""
    reason: str
    """Why, in one sentence for people."""
    check: str = ""
    """Name of the check; filled in by the registry."""


class ReleaseCheck(Protocol):
    """Says whether exactly this content may be released."""

    def __call__(self, candidate: Candidate) -> Verdict:
        """Return the verdict; it may query the database."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """A tab on a prompt's page."""

    name: str
    """An identifier, for the page's address."""
    title: str | Promise
    """What the tab is called."""
    render: Callable[[HttpRequest, UUID], str]
    """Returns the tab's HTML, escaped; called only for those who see the page."""


_checks: dict[str, ReleaseCheck] = {}
_panels: dict[str, Panel] = {}
_scores: list[Callable[[], object]] = []


def register_check(name: str, check: ReleaseCheck) -> None:
    """Ask `check` before a label that needs checks moves; a name is taken once.

    Examples:
        >>> def is_short(candidate: Candidate) -> Verdict:
        ...     text = get_prompt_text(prompt_id=candidate.prompt_id, number=candidate.number)
        ...     passed = len(text.content) <= 4_000
        ...     return Verdict(passed=passed, reason=f"{len(text.content)} of 4,000 characters")
        >>> register_check("length", is_short)
    """
    _checks[name] = check


def unregister_check(name: str) -> None:
    """Forget a check.

    Examples:
        >>> unregister_check("length")
    """
    _checks.pop(name, None)


def run_checks(candidate: Candidate) -> tuple[Verdict, ...]:
    """Return what each registered check says."""
    verdicts = []
    for name, check in _checks.items():
        verdict = check(candidate)
        verdicts.append(Verdict(passed=verdict.passed, reason=verdict.reason, check=name))
    return tuple(verdicts)


def register_panel(panel: Panel) -> None:
    """Add a tab to the pages of prompts.

    Examples:
        >>> def show_key(request: HttpRequest, prompt_id: UUID) -> str:
        ...     return format_html("<p>{}</p>", prompt_id)
        >>> register_panel(Panel(name="key", title="Key", render=show_key))
    """
    _panels[panel.name] = panel


def panels() -> Sequence[Panel]:
    """Return the registered tabs."""
    return tuple(_panels.values())


def register_scores(make: Callable[[], object]) -> None:
    """Draw scores in the list of prompts.

    Args:
        make: returns a query expression over a prompt (`OuterRef("pk")`) whose value is a JSON
            list of texts "time|score", the times such that they sort, the scores from 0 to 1.

    Examples:
        >>> def make_scores() -> Value:
        ...     return Value(["2026-11-30T09:00|0.75"], output_field=JSONField())
        >>> register_scores(make_scores)
    """
    _scores[:] = [make]  # in a list, so that no `global` is needed


def score_source() -> object | None:
    """Return the registered expression, None where there is none."""
    if not _scores:
        return None
    make = _scores[0]
    return make()
