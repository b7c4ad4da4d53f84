"""Prompts: list, create, read, edit, put into the trash and take back."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal, cast

from django.http import HttpResponse
from dmr import Path, Query, ResponseSpec
from dmr.plugins.msgspec import BodyMsgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from core.api.controllers import ETAG, BaseController, answer_unless_seen, empty, operation
from core.api.cursors import DEFAULT_LIMIT
from core.api.pages import ById, Cursor, Limit, PageQuery, take_page
from core.api.repeats import answer_once
from core.errors import NotFoundError
from prompts import services
from prompts.api import bodies, reading, writing
from prompts.models import Prompt
from prompts.naming import LATEST, NAME_MAX_LENGTH

__all__ = [
    "ByName",
    "Name",
    "Number",
    "OnePrompt",
    "Prompts",
    "ReasonQuery",
    "Trash",
    "TrashedPrompt",
    "send",
    "which_version",
]

Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=NAME_MAX_LENGTH,
        description="Name with its folders, such as `support/reply`.",
    ),
]
Number = Annotated[int, Meta(ge=1, le=2**31 - 1, description="Number of a version, from 1.")]


class ByName(Struct, kw_only=True):
    """A prompt by its name, with its folders."""

    name: Name


class ListQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which prompts."""

    search: Annotated[str, Meta(max_length=500)] = ""
    """Words that title, name, text, tags or description contain."""
    status: Literal["", "draft", "active", "archived"] = ""
    """Only prompts of this status."""
    tag: Annotated[str, Meta(max_length=255)] = ""
    """Only prompts with this tag."""
    label: Annotated[str, Meta(max_length=40)] = ""
    """Only prompts that have this label."""
    folder: Annotated[str, Meta(max_length=NAME_MAX_LENGTH)] = ""
    """Only prompts inside this folder, such as `support`."""
    cursor: Cursor = ""
    """`next_cursor` of the page before."""
    limit: Limit = DEFAULT_LIMIT


class WhichQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which version."""

    label: Annotated[str, Meta(min_length=1, max_length=40)] | UnsetType = UNSET
    """A label; `production` if neither label nor version is given."""
    version: Number | UnsetType = UNSET
    """A version's number; with a label too, only if the label stands at it."""


class ReasonQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: bodies.Reason = ""
    """Kept with the change."""


def which_version(label: str | UnsetType, version: int | UnsetType) -> tuple[str, int | None]:
    """Return label and number of what was asked for; where both were, both must hold."""
    if version is not UNSET:
        return ("" if label is UNSET else label), version
    return ("production" if label is UNSET else label), None


def send(controller: BaseController, answer: reading.Answer, status: HTTPStatus) -> HttpResponse:
    """Return a version with its ETag; 304 where the caller has it already."""
    return answer_unless_seen(controller.request, answer.body, answer.etag, status)


class Prompts(BaseController):
    """Prompts in use."""

    @operation(
        bodies.PromptPage,
        permission="prompts.view_prompt",
        problems=[HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY],
    )
    def get(self, parsed_query: Query[ListQuery]) -> HttpResponse:
        """List prompts by name, with search and filters."""
        page = reading.list_prompts(
            search=parsed_query.search,
            status=parsed_query.status,
            tag=parsed_query.tag,
            label=parsed_query.label,
            folder=parsed_query.folder,
            cursor=parsed_query.cursor,
            limit=parsed_query.limit,
        )
        return self.to_response(page)

    @operation(
        bodies.VersionRead,
        permission="prompts.add_prompt",
        status=HTTPStatus.CREATED,
        problems=[
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.CONFLICT,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ],
        headers=ETAG,
    )
    def post(self, parsed_body: BodyMsgspec[bodies.PromptBody]) -> HttpResponse:
        """Create a prompt with its version 1."""

        def work() -> HttpResponse:
            answer = writing.create_prompt(parsed_body, self.caller)
            return send(self, answer, HTTPStatus.CREATED)

        return answer_once(self.request, self.caller, work)


class OnePrompt(BaseController):
    """A prompt by its name."""

    @operation(
        bodies.VersionRead,
        permission="prompts.view_prompt",
        problems=[
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ],
        headers=ETAG,
        also=[ResponseSpec(None, status_code=HTTPStatus.NOT_MODIFIED, headers=ETAG)],
    )
    def get(self, parsed_path: Path[ByName], parsed_query: Query[WhichQuery]) -> HttpResponse:
        """Read the version that a label stands at, or the version of a number."""
        label, number = which_version(parsed_query.label, parsed_query.version)
        answer = reading.read_version(parsed_path.name, label=label, number=number)
        return send(self, answer, HTTPStatus.OK)

    @operation(
        bodies.VersionRead,
        permission="prompts.change_prompt",
        problems=[
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.PRECONDITION_FAILED,
            HTTPStatus.PRECONDITION_REQUIRED,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ],
        headers=ETAG,
    )
    def patch(
        self, parsed_path: Path[ByName], parsed_body: BodyMsgspec[bodies.EditBody]
    ) -> HttpResponse:
        """Change a prompt; another wording becomes the next version.

        Send the ETag of its newest version (`?label=latest`) in If-Match, or `expected_version`.
        """
        answer = writing.edit(parsed_path.name, parsed_body, self.request, self.caller)
        return send(self, answer, HTTPStatus.OK)

    @operation(
        None,
        permission="prompts.delete_prompt",
        status=HTTPStatus.NO_CONTENT,
        problems=[
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ],
    )
    def delete(self, parsed_path: Path[ByName], parsed_query: Query[ReasonQuery]) -> HttpResponse:
        """Put a prompt into the trash; it can be taken back from there."""
        services.delete_prompt(
            prompt_id=reading.find_prompt_id(parsed_path.name),
            actor=self.caller.name,
            reason=parsed_query.reason,
        )
        return empty(HTTPStatus.NO_CONTENT)


class TrashItem(Struct, kw_only=True):
    """A prompt in the trash."""

    id: str
    name: str
    title: str
    newest_version: int
    deleted_at: datetime


class TrashPage(Struct, kw_only=True):
    """Some prompts in the trash."""

    items: list[TrashItem]
    next_cursor: str | None = None
    """For the next page; null on the last one."""


class Trash(BaseController):
    """Prompts in the trash."""

    @operation(
        TrashPage,
        permission="prompts.view_prompt",
        problems=[HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY],
    )
    def get(self, parsed_query: Query[PageQuery]) -> HttpResponse:
        """List prompts in the trash."""
        page, next_cursor = take_page(
            Prompt.all_objects.deleted(),
            by=["pk"],
            cursor=parsed_query.cursor,
            limit=parsed_query.limit,
        )
        items = []
        for prompt in page:
            items.append(
                TrashItem(
                    id=str(prompt.pk),
                    name=prompt.name,
                    title=prompt.title,
                    newest_version=prompt.current_version,
                    deleted_at=cast("datetime", prompt.deleted_at),
                )
            )
        return self.to_response(TrashPage(items=items, next_cursor=next_cursor))


class TrashedPrompt(BaseController):
    """A prompt in the trash, by its ID: several there may have the same name."""

    @operation(
        bodies.VersionRead,
        permission="prompts.change_prompt",
        problems=[
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ],
        headers=ETAG,
    )
    def post(self, parsed_path: Path[ById]) -> HttpResponse:
        """Take a prompt back from the trash."""
        prompt = services.restore_prompt(prompt_id=parsed_path.id, actor=self.caller.name)
        return send(self, reading.load_version(prompt.name, label=LATEST), HTTPStatus.OK)

    @operation(
        None,
        permission="prompts.purge_prompt",
        status=HTTPStatus.NO_CONTENT,
        problems=[
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ],
    )
    def delete(self, parsed_path: Path[ById]) -> HttpResponse:
        """Remove a prompt in the trash for good, with all its versions."""
        if not services.purge_prompts([parsed_path.id]):
            kind = Prompt._meta.verbose_name
            raise NotFoundError("row.missing-deleted", kind=kind, key=parsed_path.id)
        return empty(HTTPStatus.NO_CONTENT)
