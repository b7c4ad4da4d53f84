"""Versions of a prompt: list, read, make, restore, compare."""

import json
from http import HTTPStatus
from typing import Annotated, cast

from django.http import HttpResponse
from dmr import Path, Query, ResponseSpec
from dmr.plugins.msgspec import BodyMsgspec
from msgspec import Meta, Struct

from core.api.controllers import ETAG, BaseController, operation
from core.api.pages import PageQuery, take_page
from core.api.repeats import answer_once
from core.diffing import Row, compare
from prompts import selectors, services
from prompts.api import bodies, reading, writing
from prompts.api.prompts import ByName, Name, Number, send
from prompts.models import PromptVersion
from prompts.models.content import WORDING_FIELDS
from prompts.naming import LATEST

__all__ = ["Diff", "OneVersion", "RestoredVersion", "Versions"]

FOUND_OR_NOT = [
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
]


class ByNumber(Struct, kw_only=True):
    """A version by its number."""

    name: Name
    number: Number


class DiffQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which two versions."""

    before: Number
    """Number of the version on the left."""
    after: Number
    """Number of the version on the right."""
    context: Annotated[int, Meta(ge=0, le=1000)] = 3
    """How many unchanged lines to keep around changes."""


class RestoreBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    change_note: Annotated[str, Meta(max_length=500)] = ""


class Versions(BaseController):
    """Versions of a prompt."""

    @operation(bodies.VersionPage, permission="prompts.view_prompt", problems=FOUND_OR_NOT)
    def get(self, parsed_path: Path[ByName], parsed_query: Query[PageQuery]) -> HttpResponse:
        """List the versions of a prompt, the newest first."""
        prompt_id = reading.find_prompt_id(parsed_path.name)
        rows = selectors.list_versions(prompt_id).annotate(label_names=selectors.label_names())
        page, next_cursor = take_page(
            rows.select_related("prompt"),
            by=["number"],
            cursor=parsed_query.cursor,
            limit=parsed_query.limit,
            newest_first=True,
        )
        items = [_as_item(version) for version in page]
        return self.to_response(bodies.VersionPage(items=items, next_cursor=next_cursor))

    @operation(
        bodies.VersionRead,
        permission="prompts.change_prompt",
        status=HTTPStatus.CREATED,
        problems=[*FOUND_OR_NOT, HTTPStatus.CONFLICT],
        headers=ETAG,
    )
    def post(
        self, parsed_path: Path[ByName], parsed_body: BodyMsgspec[bodies.VersionBody]
    ) -> HttpResponse:
        """Save the next version, after whichever is the newest.

        A wording that is the newest one's already makes no version: the answer is that version.
        """

        def work() -> HttpResponse:
            answer = writing.make_version(parsed_path.name, parsed_body, self.caller)
            return send(self, answer, HTTPStatus.CREATED)

        return answer_once(self.request, self.caller, work)


class OneVersion(BaseController):
    """A version by its number."""

    @operation(
        bodies.VersionRead,
        permission="prompts.view_prompt",
        problems=FOUND_OR_NOT,
        headers=ETAG,
        also=[ResponseSpec(None, status_code=HTTPStatus.NOT_MODIFIED, headers=ETAG)],
    )
    def get(self, parsed_path: Path[ByNumber]) -> HttpResponse:
        """Read a version."""
        answer = reading.read_version(parsed_path.name, label="", number=parsed_path.number)
        return send(self, answer, HTTPStatus.OK)


class RestoredVersion(BaseController):
    """An old version that becomes current again."""

    @operation(
        bodies.VersionRead,
        permission="prompts.change_prompt",
        status=HTTPStatus.CREATED,
        problems=FOUND_OR_NOT,
        headers=ETAG,
    )
    def post(
        self, parsed_path: Path[ByNumber], parsed_body: BodyMsgspec[RestoreBody]
    ) -> HttpResponse:
        """Make the wording of an old version current, as a new version."""

        def work() -> HttpResponse:
            prompt = services.restore_version(
                prompt_id=reading.find_prompt_id(parsed_path.name),
                number=parsed_path.number,
                author=self.caller.name,
                change_note=parsed_body.change_note,
            )
            answer = reading.load_version(prompt.name, label=LATEST)
            return send(self, answer, HTTPStatus.CREATED)

        return answer_once(self.request, self.caller, work)


class Diff(BaseController):
    """What changed between two versions."""

    @operation(bodies.VersionDiff, permission="prompts.view_prompt", problems=FOUND_OR_NOT)
    def get(self, parsed_path: Path[ByName], parsed_query: Query[DiffQuery]) -> HttpResponse:
        """Compare two versions, line by line."""
        name = parsed_path.name
        prompt_id = reading.find_prompt_id(name)
        before = selectors.get_version(prompt_id, parsed_query.before)
        after = selectors.get_version(prompt_id, parsed_query.after)
        changed = []
        for field in WORDING_FIELDS:
            if getattr(before, field) != getattr(after, field):
                changed.append(field)
        context = parsed_query.context
        diff = bodies.VersionDiff(
            name=name,
            before=before.number,
            after=after.number,
            changed=changed,
            content=_rows(before.content, after.content, context),
            variables=_rows(_as_json(before.variables), _as_json(after.variables), context),
            config=_rows(_as_json(before.config), _as_json(after.config), context),
        )
        return self.to_response(diff)


def _as_item(version: PromptVersion) -> bodies.VersionItem:
    labels = getattr(version, "label_names", None)
    is_newest = version.number == version.prompt.current_version
    return bodies.VersionItem(
        version=version.number,
        content_hash=version.content_hash,
        kind=cast("bodies.Kind", version.kind),
        syntax=cast("bodies.Syntax", version.syntax),
        labels=bodies.labels_of(labels, is_newest=is_newest),
        author=version.author,
        change_note=version.change_note,
        created_at=version.created_at,
    )


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)


def _rows(before: str, after: str, context: int) -> list[bodies.DiffRow]:
    if before == after:
        return []
    return [_as_row(row) for row in compare(before, after, context=context)]


def _as_row(row: Row) -> bodies.DiffRow:
    shown = bodies.DiffRow(kind=row.kind)  # type: ignore[arg-type]  # one of the kinds
    if row.left is not None:
        shown.left_line = row.left.number
        shown.left = "".join(text for _changed, text in row.left.pieces)
    if row.right is not None:
        shown.right_line = row.right.number
        shown.right = "".join(text for _changed, text in row.right.pieces)
    return shown
