"""Release gates: list, create, read, edit, remove, and who changed them."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpResponse
from dmr import Path, Query
from dmr.plugins.msgspec import BodyMsgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from core.api.controllers import BaseController, empty, operation
from core.api.cursors import DEFAULT_LIMIT, read_cursor, write_cursor
from core.api.pages import CHANGES, READS, ById, Cursor, Limit, PageQuery, take_page
from core.api.repeats import answer_once
from core.errors import NotFoundError
from evaluations.models import GateEvent, ReleaseGate
from evaluations.services import gates
from evaluations.stored import GateValue, read_changes
from prompts import interface as prompts

__all__ = ["GateHistory", "Gates", "OneGate", "PromptGateHistory"]

Rate = Annotated[float, Meta(ge=0, le=1)]
PromptName = Annotated[str, Meta(max_length=255)]


class GateBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new gate."""

    prompt: Annotated[str, Meta(min_length=1, max_length=255)]
    """Name of the prompt whose versions must pass."""
    suite_id: UUID
    """The suite that they must pass."""
    pass_rate: Rate = 0.8
    """The rate that they must reach, from 0 to 1."""
    lower_bound: Rate | None = None
    """What the lower bound of the rate's 95 % interval must reach; null: it is not looked at."""


class GateChanges(Struct, kw_only=True, forbid_unknown_fields=True):
    """Changes to a gate: what is missing stays, and its prompt always does."""

    suite_id: UUID | UnsetType = UNSET
    pass_rate: Rate | UnsetType = UNSET
    lower_bound: Rate | UnsetType | None = UNSET


class GateRead(Struct, kw_only=True):
    """What a prompt has to show before a label that needs checks may move."""

    id: str
    prompt_id: str
    prompt: str
    """Name of the prompt."""
    suite_id: str
    suite: str
    """Name of the suite."""
    pass_rate: float
    lower_bound: float | None
    created_at: datetime
    updated_at: datetime


class GatePage(Struct, kw_only=True):
    """Some gates."""

    items: list[GateRead]
    checked_labels: list[str]
    """Labels that need checks; where there is none, no gate stops anything."""
    next_cursor: str | None = None
    """For the next page; null on the last one."""


class GateQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which gates."""

    prompt: PromptName = ""
    """Only gates of the prompt with this name."""
    suite_id: UUID | UnsetType = UNSET
    """Only gates of this suite."""
    cursor: Cursor = ""
    """`next_cursor` of the page before."""
    limit: Limit = DEFAULT_LIMIT


class GateHistoryQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """Whose history."""

    prompt: Annotated[str, Meta(min_length=1, max_length=255)]
    """Name of the prompt: events of all gates that it has or had."""
    cursor: Cursor = ""
    """`next_cursor` of the page before."""
    limit: Limit = DEFAULT_LIMIT


class GateChange(Struct, kw_only=True):
    """A field before and after."""

    field: str
    before: GateValue
    """Null where the gate was created."""
    after: GateValue
    """Null where it was deleted."""


class GateEventRead(Struct, kw_only=True):
    """One change of a gate."""

    id: int
    gate_id: str
    kind: str
    """`created`, `changed` or `deleted`."""
    actor: str
    changes: list[GateChange]
    created_at: datetime


class GateEventPage(Struct, kw_only=True):
    """Some changes, the newest first."""

    items: list[GateEventRead]
    next_cursor: str | None = None
    """For the next page; null on the last one."""


class Gates(BaseController):
    """Release gates."""

    @operation(GatePage, permission="evaluations.view_releasegate", problems=READS)
    def get(self, parsed_query: Query[GateQuery]) -> HttpResponse:
        """List release gates, the newest first."""
        rows = ReleaseGate.objects.select_related("prompt", "suite")
        if parsed_query.prompt:
            rows = rows.filter(prompt__name=parsed_query.prompt)
        if parsed_query.suite_id is not UNSET:
            rows = rows.filter(suite=parsed_query.suite_id)
        page, next_cursor = take_page(
            rows,
            by=("created_at", "pk"),
            cursor=parsed_query.cursor,
            limit=parsed_query.limit,
            newest_first=True,
        )
        return self.to_response(
            GatePage(
                items=[_as_body(gate) for gate in page],
                checked_labels=prompts.list_checked_labels(),
                next_cursor=next_cursor,
            )
        )

    @operation(
        GateRead,
        permission="evaluations.add_releasegate",
        status=HTTPStatus.CREATED,
        problems=CHANGES,
    )
    def post(self, parsed_body: BodyMsgspec[GateBody]) -> HttpResponse:
        """Create a release gate; a suite that checks nothing is refused."""

        def work() -> HttpResponse:
            prompt = prompts.get_prompt(parsed_body.prompt, label="latest")
            gate = gates.create_gate(
                actor=self.caller.name,
                prompt_id=prompt.prompt_id,
                suite_id=parsed_body.suite_id,
                pass_rate=parsed_body.pass_rate,
                lower_bound=parsed_body.lower_bound,
            )
            return self.to_response(_as_body(gate), status_code=HTTPStatus.CREATED)

        return answer_once(self.request, self.caller, work)


class OneGate(BaseController):
    """A release gate by its ID."""

    @operation(GateRead, permission="evaluations.view_releasegate", problems=READS)
    def get(self, parsed_path: Path[ById]) -> HttpResponse:
        """Read a release gate."""
        return self.to_response(_as_body(_find(parsed_path.id)))

    @operation(GateRead, permission="evaluations.change_releasegate", problems=CHANGES)
    def patch(self, parsed_path: Path[ById], parsed_body: BodyMsgspec[GateChanges]) -> HttpResponse:
        """Change a release gate, which stays with its prompt."""
        changes: dict[str, Any] = {}
        for name in parsed_body.__struct_fields__:
            value = getattr(parsed_body, name)
            if value is not UNSET:
                changes[name] = value
        gates.edit_gate(gate_id=parsed_path.id, actor=self.caller.name, **changes)
        return self.to_response(_as_body(_find(parsed_path.id)))

    @operation(
        None,
        permission="evaluations.delete_releasegate",
        status=HTTPStatus.NO_CONTENT,
        problems=READS,
    )
    def delete(self, parsed_path: Path[ById]) -> HttpResponse:
        """Remove a release gate; its history stays with its prompt."""
        gates.delete_gate(gate_id=parsed_path.id, actor=self.caller.name)
        return empty(HTTPStatus.NO_CONTENT)


class GateHistory(BaseController):
    """What happened to a gate."""

    @operation(GateEventPage, permission="evaluations.view_releasegate", problems=READS)
    def get(self, parsed_path: Path[ById], parsed_query: Query[PageQuery]) -> HttpResponse:
        """List who created, changed and removed a gate; also of one that is gone."""
        page = _list_events(parsed_query.cursor, parsed_query.limit, gate_id=parsed_path.id)
        if not page.items and not parsed_query.cursor:
            raise NotFoundError("gate.missing", key=parsed_path.id)
        return self.to_response(page)


class PromptGateHistory(BaseController):
    """What happened to all gates of a prompt."""

    @operation(GateEventPage, permission="evaluations.view_releasegate", problems=READS)
    def get(self, parsed_query: Query[GateHistoryQuery]) -> HttpResponse:
        """List who created, changed and removed the gates that a prompt has or had."""
        prompt = prompts.get_prompt(parsed_query.prompt, label="latest")
        page = _list_events(parsed_query.cursor, parsed_query.limit, prompt_id=prompt.prompt_id)
        return self.to_response(page)


def _find(gate_id: UUID) -> ReleaseGate:
    gate = ReleaseGate.objects.select_related("prompt", "suite").filter(pk=gate_id).first()
    if gate is None:
        raise NotFoundError("gate.missing", key=gate_id)
    return gate


def _list_events(
    cursor: str, limit: int, *, gate_id: UUID | str = "", prompt_id: UUID | str = ""
) -> GateEventPage:
    before = None
    if cursor:
        [before] = read_cursor(cursor, [int])
    events = gates.list_events(gate_id=gate_id, prompt_id=prompt_id, before=before, limit=limit + 1)
    page = events[:limit]
    next_cursor = write_cursor([page[-1].pk]) if len(events) > limit else None
    return GateEventPage(items=[_as_event(event) for event in page], next_cursor=next_cursor)


def _as_event(event: GateEvent) -> GateEventRead:
    changes = []
    for field, change in read_changes(event.changes).items():
        changes.append(GateChange(field=field, before=change.before, after=change.after))
    return GateEventRead(
        id=event.pk,
        gate_id=str(event.gate),
        kind=event.kind,
        actor=event.actor,
        changes=changes,
        created_at=event.created_at,
    )


def _as_body(gate: ReleaseGate) -> GateRead:
    return GateRead(
        id=str(gate.pk),
        prompt_id=str(gate.prompt_id),
        prompt=gate.prompt.name,
        suite_id=str(gate.suite_id),
        suite=gate.suite.name,
        pass_rate=gate.pass_rate,
        lower_bound=gate.lower_bound,
        created_at=gate.created_at,
        updated_at=gate.updated_at,
    )
