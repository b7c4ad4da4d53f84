"""Release gates: written together with who wrote them, and only over suites that check something.

What a gate compares with its rates are answers that were checked. A suite in which nothing is
checked would let every content through, so no gate stands on one.
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypedDict, Unpack, cast
from uuid import UUID

from django.db import transaction
from django.db.models import Field
from django.utils.translation import gettext as _

from core.errors import ApplicationError, InvalidInputError, NotFoundError
from core.sentences import Sentence
from core.services import check_fields, refuse_unknown
from evaluations.engine.scorers import is_checked
from evaluations.models import GateEvent, ReleaseGate, TestSuite
from evaluations.services.planning import load_cases
from evaluations.stored import Change, GateValue, changes_as_json, read_changes

__all__ = [
    "check_gate",
    "create_gate",
    "delete_gate",
    "delete_gates",
    "describe_event",
    "edit_gate",
    "list_events",
]

EVENTS_SHOWN: Final = 50


class GateRules(TypedDict, total=False):
    """What a gate asks for."""

    suite_id: UUID
    pass_rate: float
    """From 0 to 1."""
    lower_bound: float | None
    """Of the pass rate's interval; None: it is not looked at."""


class GateFields(GateRules, total=False):
    """The same, and whose versions have to pass."""

    prompt_id: UUID


@transaction.atomic
def create_gate(*, actor: str = "", **fields: Unpack[GateFields]) -> ReleaseGate:
    """Create a gate.

    Args:
        actor: who does it; named in the gate's history.
        **fields: `prompt_id`, `suite_id`, `pass_rate`, `lower_bound`.

    Raises:
        InvalidInputError: a field is wrong, or the suite checks nothing.
    """
    refuse_unknown(fields, frozenset(GateFields.__annotations__))
    gate = ReleaseGate(**fields)
    _check(gate)
    gate.save(force_insert=True)
    after = _values(gate)
    changes = {name: Change(None, value) for name, value in after.items()}
    _record(gate, GateEvent.Kind.CREATED, actor, changes)
    return gate


@transaction.atomic
def edit_gate(*, gate_id: UUID | str, actor: str = "", **fields: Unpack[GateRules]) -> ReleaseGate:
    """Change a gate, which stays with its prompt; nothing is written where nothing differs.

    Args:
        gate_id: the gate.
        actor: who does it; named in the gate's history.
        **fields: any of `suite_id`, `pass_rate`, `lower_bound`.

    Raises:
        NotFoundError: there is no such gate.
        InvalidInputError: a field is wrong, or the suite checks nothing.
    """
    refuse_unknown(fields, frozenset(GateRules.__annotations__))
    gate = _find(gate_id)
    before = _values(gate)
    for name, value in fields.items():
        setattr(gate, name, value)
    _check(gate)
    after = _values(gate)
    changes = {
        name: Change(before[name], after[name]) for name in after if before[name] != after[name]
    }
    if changes:
        gate.save()
        _record(gate, GateEvent.Kind.CHANGED, actor, changes)
    return gate


@transaction.atomic
def delete_gate(*, gate_id: UUID | str, actor: str = "") -> None:
    """Delete a gate; its history stays with its prompt.

    Raises:
        NotFoundError: there is no such gate.
    """
    gate = _find(gate_id)
    delete_gates([gate.pk], actor=actor)


@transaction.atomic
def delete_gates(gate_ids: Iterable[UUID | str], *, actor: str = "") -> int:
    """Delete gates; their history stays with their prompts.

    Returns:
        how many were there to be deleted.
    """
    gates = list(ReleaseGate.objects.select_related("prompt", "suite").filter(pk__in=gate_ids))
    events = []
    for gate in gates:
        before = _values(gate)
        changes = {name: Change(value, None) for name, value in before.items()}
        events.append(_build_event(gate, GateEvent.Kind.DELETED, actor, changes))
    GateEvent.objects.bulk_create(events)
    ReleaseGate.objects.filter(pk__in=[gate.pk for gate in gates]).delete()
    return len(gates)


def check_gate(*, suite: TestSuite, pass_rate: float | None) -> Mapping[str, str]:
    """Return field → sentence of what would let every content through; empty if nothing does."""
    problems: dict[str, str] = {}
    if pass_rate is not None and pass_rate <= 0:
        problems["pass_rate"] = _(
            "a gate with a rate of 0 would accept every answer; set a rate above 0"
        )
    try:
        checks = (
            is_checked(case.assertions, case.threshold) for _key, case in load_cases(suite.pk)
        )
        has_check = any(checks)
    except ApplicationError as error:
        problems["suite"] = str(error)
        return problems
    if not has_check:
        sentence = _(
            "no enabled case of “%(suite)s” has an assertion, so the gate would accept "
            "every answer; add assertions to its cases first"
        )
        problems["suite"] = sentence % {"suite": suite.name}
    return problems


def _check(gate: ReleaseGate) -> None:
    check_fields(gate, exclude={"prompt", "suite"})
    suite = TestSuite.objects.filter(pk=gate.suite_id).first()
    if suite is None:
        raise InvalidInputError({"suite": Sentence("gate.no-suite")})
    twins = ReleaseGate.objects.filter(prompt_id=gate.prompt_id, suite=suite).exclude(pk=gate.pk)
    if twins.exists():
        raise InvalidInputError({"suite": Sentence("gate.twice")})
    problems = check_gate(suite=suite, pass_rate=gate.pass_rate)
    if problems:
        raise InvalidInputError(dict(problems))


def _find(gate_id: UUID | str) -> ReleaseGate:
    gate = ReleaseGate.objects.select_related("prompt", "suite").filter(pk=gate_id).first()
    if gate is None:
        raise NotFoundError("gate.missing", key=gate_id)
    return gate


def _values(gate: ReleaseGate) -> dict[str, GateValue]:
    """Return what a gate says; names still mean something when prompt and suite are gone."""
    return {
        "prompt": gate.prompt.name,
        "suite": gate.suite.name,
        "pass_rate": gate.pass_rate,
        "lower_bound": gate.lower_bound,
    }


def _record(
    gate: ReleaseGate, kind: GateEvent.Kind, actor: str, changes: Mapping[str, Change]
) -> None:
    _build_event(gate, kind, actor, changes).save(force_insert=True)


def _build_event(
    gate: ReleaseGate, kind: GateEvent.Kind, actor: str, changes: Mapping[str, Change]
) -> GateEvent:
    event = GateEvent(
        prompt_id=gate.prompt_id,
        gate=gate.pk,
        kind=kind,
        actor=actor[:255],
        changes=changes_as_json(changes),
    )
    check_fields(event, exclude={"prompt"})
    return event


def list_events(
    *,
    gate_id: UUID | str = "",
    prompt_id: UUID | str = "",
    before: int | str | None = None,
    limit: int = EVENTS_SHOWN,
) -> list[GateEvent]:
    """Return the newest events of a gate, or of all gates that a prompt has or had.

    Args:
        gate_id: the gate.
        prompt_id: the prompt.
        before: only events with a smaller ID; None: all.
        limit: most events.
    """
    rows = GateEvent.objects.filter(gate=gate_id) if gate_id else GateEvent.objects
    if prompt_id:
        rows = rows.filter(prompt_id=prompt_id)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-id")[:limit])


def describe_event(event: GateEvent) -> str:
    """Return what changed: each field with its value before and after."""
    parts = []
    for name, change in read_changes(event.changes).items():
        parts.append(f"{_title(name)}: {_shown(change.before)} → {_shown(change.after)}")
    return "; ".join(parts)


def _title(name: str) -> str:
    field = cast("Field[object, object]", ReleaseGate._meta.get_field(name))
    return str(field.verbose_name)


def _shown(value: GateValue) -> str:
    if value is None:
        return "–"
    return f"{value:.1%}" if isinstance(value, float) else str(value)
