"""Rendering over HTTP: released versions with values, and wordings that are not saved."""

from http import HTTPStatus
from typing import Any, Literal

from django.http import HttpResponse
from dmr import Path
from dmr.plugins.msgspec import BodyMsgspec
from msgspec import UNSET, Struct

from core.api.controllers import BaseController, operation
from prompts import interface
from prompts.api import bodies, reading
from prompts.api.prompts import ByName, which_version
from prompts.preview import preview
from prompts.rendering.values import as_json

__all__ = ["Preview", "Render"]


class Render(BaseController):
    """A version with values."""

    @operation(
        bodies.Rendered,
        permission="prompts.view_prompt",
        problems=[
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ],
    )
    def post(
        self, parsed_path: Path[ByName], parsed_body: BodyMsgspec[bodies.RenderBody]
    ) -> HttpResponse:
        """Insert values into a version; nothing is changed."""
        label, number = which_version(parsed_body.label, parsed_body.version)
        if label and number is not None:
            reading.read_version(parsed_path.name, label=label, number=number)  # both must hold
        rendered = interface.render(
            parsed_path.name, parsed_body.variables, label=label, version=number
        )
        prompt = rendered.prompt
        body = bodies.Rendered(
            name=prompt.name,
            version=prompt.number,
            content_hash=prompt.content_hash,
            kind=prompt.kind,  # type: ignore[arg-type]  # text or chat
            text=rendered.text,
            messages=[message.as_json() for message in rendered.messages],
            config=dict(prompt.config),
        )
        return self.to_response(body, status_code=HTTPStatus.OK)


class PreviewProblem(Struct, kw_only=True):
    """What is wrong with a wording or a value."""

    text: str
    """A sentence for people."""
    code: str
    field: Literal["content", "variables"]
    line: int | None
    column: int | None
    message: int | None
    """Number of a chat's message, from 1."""
    variable: str
    near: str
    """What may have been meant."""


class Previewed(Struct, kw_only=True):
    """What a wording would give."""

    problems: list[PreviewProblem]
    """Of the wording; while there are any nothing is rendered."""
    missing: list[PreviewProblem]
    """Of the values."""
    proposed: list[dict[str, Any]]
    """A contract that fits the text."""
    messages: list[dict[str, Any]]
    """A text has one message without a role."""
    characters: int
    tokens: int
    """An estimate."""


class Preview(BaseController):
    """A wording that is not saved."""

    @operation(
        Previewed,
        permission="prompts.view_prompt",
        problems=[HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY],
    )
    def post(self, parsed_body: BodyMsgspec[bodies.PreviewBody]) -> HttpResponse:
        """Check and render a wording that is not saved; nothing is changed."""
        kind = parsed_body.kind
        if kind is UNSET:
            kind = "text" if isinstance(parsed_body.content, str) else "chat"
        values = {}
        for name, value in parsed_body.values.items():
            values[name] = value if isinstance(value, str) else as_json(value)
        sent = {
            "kind": kind,
            "syntax": parsed_body.syntax,
            "content": bodies.as_text(parsed_body.content),
            "variables": parsed_body.variables,
            "values": values,
        }
        return self.to_response({"missing": []} | preview(sent), status_code=HTTPStatus.OK)
