"""What operations write, each by one service, as the caller and with its rights."""

from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import transaction
from django.http import HttpRequest
from msgspec import UNSET

from core.access.callers import Caller
from core.api.problems import (
    FieldProblem,
    PreconditionError,
    PreconditionMissingError,
    register_problem,
)
from core.errors import InvalidInputError
from core.sentences import Sentence
from prompts import services
from prompts.api import bodies
from prompts.api.reading import Answer, load_version
from prompts.naming import FOLDER, LATEST
from prompts.rendering import TemplateError, ValuesError

__all__ = ["actor_of", "create_prompt", "edit", "make_version", "need_state"]

NOT_OF_PROMPTS: Final = {"expected_version", "change_note", "labels"}


def actor_of(caller: Caller) -> services.Actor:
    """Return what a caller may do with labels: what its role may, under its own name."""
    return services.Actor(
        name=caller.name,
        may_move=caller.may("prompts.move_label"),
        may_move_protected=caller.may("prompts.move_protected_label"),
        may_override=caller.may("prompts.override_gate"),
    )


@transaction.atomic
def create_prompt(body: bodies.PromptBody, caller: Caller) -> Answer:
    """Create a prompt, and put labels on its version 1.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
        LabelProtectedError: the caller may not move a label.
        GateRefusedError: a check of a label fails.
    """
    fields = _wording(body)
    title = body.title or body.name.rpartition(FOLDER)[2]
    for name in ("name", "description", "tags", "metadata", "user_id", "status"):
        fields[name] = getattr(body, name)
    fields["title"] = title
    prompt = services.create_prompt(author=caller.name, change_note=body.change_note, **fields)
    _put_labels(prompt.pk, 1, body.labels, caller)
    return load_version(prompt.name, label=LATEST)


@transaction.atomic
def edit(name: str, body: bodies.EditBody, request: HttpRequest, caller: Caller) -> Answer:
    """Change a prompt that is in the state which the caller has seen.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
        NotFoundError: there is no such prompt.
        PreconditionError: it has changed since.
        PreconditionMissingError: the request does not say which state it was made for.
        StaleEditError: there is a newer version than the expected one.
    """
    newest = load_version(name, label=LATEST)
    expected = None
    if body.expected_version is not UNSET:
        expected = body.expected_version
    need_state(request, newest, has_other=expected is not None)
    prompt = services.edit_prompt(
        prompt_id=newest.prompt_id,
        author=caller.name,
        change_note=body.change_note,
        expected_version=expected,
        **_changes(body),
    )
    return load_version(prompt.name, label=LATEST)


@transaction.atomic
def make_version(name: str, body: bodies.VersionBody, caller: Caller) -> Answer:
    """Save the next version, after whichever is the newest now.

    A wording that is the newest one's already makes no version: the answer is that version.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
        NotFoundError: there is no such prompt.
        LabelProtectedError: the caller may not move a label.
        GateRefusedError: a check of a label fails.
    """
    newest = load_version(name, label=LATEST)
    services.edit_prompt(
        prompt_id=newest.prompt_id,
        author=caller.name,
        change_note=body.change_note,
        **_changes(body),
    )
    answer = load_version(name, label=LATEST)
    _put_labels(answer.prompt_id, answer.number, body.labels, caller)
    if body.labels:
        answer = load_version(name, label=LATEST)
    return answer


def need_state(request: HttpRequest, newest: Answer, *, has_other: bool = False) -> None:
    """Refuse a change of a state that the caller has not seen.

    Args:
        request: whose If-Match is compared; `*` matches every state.
        newest: what there is now.
        has_other: whether the body says which version the change was made for.

    Raises:
        PreconditionError: the state is another one; it carries the one that is.
        PreconditionMissingError: nothing says which state was seen.
    """
    header = request.META.get("HTTP_IF_MATCH", "")
    if not header:
        if not has_other:
            raise PreconditionMissingError("api.if-match-missing")
        return
    tags = [tag.strip() for tag in header.split(",")]
    if "*" in tags or newest.etag in tags:
        return
    current = {"etag": newest.etag, "current": msgspec.json.decode(newest.body)}
    raise PreconditionError("api.if-match", current)


def _wording(body: bodies.PromptBody) -> dict[str, Any]:
    kind = body.kind
    if kind is UNSET:
        kind = "text" if isinstance(body.content, str) else "chat"
    return {
        "kind": kind,
        "content": bodies.as_text(body.content),
        "syntax": body.syntax,
        "variables": body.variables,
        "config": body.config,
    }


def _changes(body: bodies.EditBody | bodies.VersionBody) -> dict[str, Any]:
    """Return field → new value of what was sent."""
    changes: dict[str, Any] = {}
    for name in body.__struct_fields__:
        value = getattr(body, name)
        if value is not UNSET and name not in NOT_OF_PROMPTS:
            changes[name] = value
    content = changes.get("content")
    if isinstance(content, list):
        changes["content"] = bodies.as_text(content)
        changes.setdefault("kind", "chat")
    return changes


def _put_labels(prompt_id: UUID, number: int, labels: list[str], caller: Caller) -> None:
    for label in labels:
        if label == LATEST:
            raise InvalidInputError({"labels": Sentence("api.latest-label")})
        services.move_label(prompt_id=prompt_id, label=label, number=number, mover=actor_of(caller))


def _places(error: TemplateError) -> list[FieldProblem]:
    problems = []
    for problem in error.problems:
        field = "content"
        is_about_values = isinstance(error, ValuesError)
        if is_about_values or problem.code.startswith(services.OF_VARIABLES):
            field = "variables"
        elif problem.place.message is not None:
            field = f"content[{problem.place.message - 1}].content"
        problems.append(
            FieldProblem(
                field=field,
                detail=str(problem),
                code=f"template.{problem.code}",
                line=problem.place.line or 0,
                column=problem.place.column or 0,
            )
        )
    return problems


def _verdicts(error: services.GateRefusedError) -> dict[str, object]:
    verdicts = []
    for verdict in error.verdicts:
        entry = {"check": verdict.check, "passed": verdict.passed, "reason": verdict.reason}
        verdicts.append(entry)
    return {"verdicts": verdicts}


register_problem(TemplateError, HTTPStatus.UNPROCESSABLE_ENTITY, describe=_places)
register_problem(services.LabelProtectedError, HTTPStatus.FORBIDDEN)
register_problem(services.GateRefusedError, HTTPStatus.CONFLICT, extra=_verdicts)
