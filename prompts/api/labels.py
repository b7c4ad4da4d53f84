"""Labels of a prompt: where they stand, move, roll back, and what happened to them."""

from http import HTTPStatus
from typing import Annotated

from django.http import HttpResponse
from dmr import Path, Query
from dmr.plugins.msgspec import BodyMsgspec
from msgspec import Meta, Struct

from core.api.controllers import BaseController, empty, operation
from core.api.cursors import DEFAULT_LIMIT
from core.api.pages import PageQuery, take_page
from core.api.repeats import answer_once
from prompts import selectors, services
from prompts.api import bodies, reading, writing
from prompts.api.prompts import ByName, Name, ReasonQuery
from prompts.models import PromptEvent, PromptLabel
from prompts.naming import LABEL_MAX_LENGTH, LATEST

__all__ = ["Events", "LabelHistory", "Labels", "OneLabel", "RolledBackLabel"]

MOVES = [
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY,
]
READS = [HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY]


class ByLabel(Struct, kw_only=True):
    """A label of a prompt."""

    name: Name
    label: Annotated[str, Meta(min_length=1, max_length=LABEL_MAX_LENGTH)]
    """Such as `production`."""


class Labels(BaseController):
    """Labels of a prompt."""

    @operation(bodies.LabelList, permission="prompts.view_prompt", problems=READS)
    def get(self, parsed_path: Path[ByName]) -> HttpResponse:
        """List the labels of a prompt; `latest` is the newest version."""
        prompt_id = reading.find_prompt_id(parsed_path.name)
        rows = PromptLabel.objects.filter(prompt=prompt_id).order_by("name")
        items = []
        for row in rows.select_related("version"):
            items.append(_as_item(row))
        newest = selectors.get_prompt(prompt_id).current_version
        items.append(bodies.LabelItem(label=LATEST, version=newest))
        return self.to_response(bodies.LabelList(items=items))


class OneLabel(BaseController):
    """A label of a prompt."""

    @operation(bodies.LabelItem, permission="prompts.move_label", problems=MOVES)
    def put(
        self, parsed_path: Path[ByLabel], parsed_body: BodyMsgspec[bodies.LabelBody]
    ) -> HttpResponse:
        """Let a label stand at a version.

        A release check that fails is answered with 409 and the verdicts of all failed checks.
        """
        row = services.move_label(
            prompt_id=reading.find_prompt_id(parsed_path.name),
            label=parsed_path.label,
            number=parsed_body.version,
            mover=writing.actor_of(self.caller),
            reason=parsed_body.reason,
            override=parsed_body.override,
        )
        return self.to_response(_as_item(row))

    @operation(
        None,
        permission="prompts.move_label",
        status=HTTPStatus.NO_CONTENT,
        problems=MOVES,
    )
    def delete(self, parsed_path: Path[ByLabel], parsed_query: Query[ReasonQuery]) -> HttpResponse:
        """Take a label off a prompt."""
        services.remove_label(
            prompt_id=reading.find_prompt_id(parsed_path.name),
            label=parsed_path.label,
            mover=writing.actor_of(self.caller),
            reason=parsed_query.reason,
        )
        return empty(HTTPStatus.NO_CONTENT)


class RolledBackLabel(BaseController):
    """A label that goes back."""

    @operation(bodies.LabelItem, permission="prompts.move_label", problems=MOVES)
    def post(
        self, parsed_path: Path[ByLabel], parsed_body: BodyMsgspec[bodies.RollBackBody]
    ) -> HttpResponse:
        """Let a label stand where it stood before."""

        def work() -> HttpResponse:
            row = services.roll_back_label(
                prompt_id=reading.find_prompt_id(parsed_path.name),
                label=parsed_path.label,
                mover=writing.actor_of(self.caller),
                reason=parsed_body.reason,
            )
            return self.to_response(_as_item(row), status_code=HTTPStatus.OK)

        return answer_once(self.request, self.caller, work)


class LabelHistory(BaseController):
    """What happened to a label."""

    @operation(bodies.EventPage, permission="prompts.view_promptevent", problems=READS)
    def get(self, parsed_path: Path[ByLabel], parsed_query: Query[PageQuery]) -> HttpResponse:
        """List the moves of a label, the newest first."""
        page = _list_events(
            parsed_path.name,
            label=parsed_path.label,
            cursor=parsed_query.cursor,
            limit=parsed_query.limit,
        )
        return self.to_response(page)


class Events(BaseController):
    """What happened to a prompt."""

    @operation(bodies.EventPage, permission="prompts.view_promptevent", problems=READS)
    def get(self, parsed_path: Path[ByName], parsed_query: Query[PageQuery]) -> HttpResponse:
        """List what happened to a prompt, the newest first."""
        page = _list_events(parsed_path.name, cursor=parsed_query.cursor, limit=parsed_query.limit)
        return self.to_response(page)


def _list_events(
    name: str, *, label: str = "", cursor: str = "", limit: int = DEFAULT_LIMIT
) -> bodies.EventPage:
    rows = PromptEvent.objects.filter(prompt=reading.find_prompt_id(name))
    if label:
        rows = rows.filter(label=label, kind=PromptEvent.Kind.LABEL)
    page, next_cursor = take_page(rows, by=["id"], cursor=cursor, limit=limit, newest_first=True)
    items = []
    for event in page:
        items.append(
            bodies.EventItem(
                id=event.pk,
                kind=event.kind,
                label=event.label,
                before=event.before,
                after=event.after,
                actor=event.actor,
                reason=event.reason,
                details=event.details,
                created_at=event.created_at,
            )
        )
    return bodies.EventPage(items=items, next_cursor=next_cursor)


def _as_item(row: PromptLabel) -> bodies.LabelItem:
    return bodies.LabelItem(label=row.name, version=row.version.number, updated_at=row.updated_at)
