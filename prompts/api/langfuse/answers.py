"""What Langfuse's clients are told: versions, lists, errors."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import HttpResponse

from core.api.problems import Problem
from prompts.api.bodies import as_content, labels_of
from prompts.api.langfuse.texts import as_langfuse_prompt
from prompts.mapping import as_template
from prompts.models import PromptVersion

__all__ = ["PROJECT", "as_version", "say", "send"]

PROJECT: Final = "autoforge"
ERRORS: Final = {
    HTTPStatus.UNAUTHORIZED: "UnauthorizedError",
    HTTPStatus.FORBIDDEN: "ForbiddenError",
    HTTPStatus.NOT_FOUND: "LangfuseNotFoundError",
    HTTPStatus.METHOD_NOT_ALLOWED: "MethodNotAllowedError",
    HTTPStatus.TOO_MANY_REQUESTS: "TooManyRequestsError",
    HTTPStatus.SERVICE_UNAVAILABLE: "ServiceUnavailableError",
}
# The clients send again what is answered with 409, as if it were a matter of time.
NOT_AGAIN: Final = {
    HTTPStatus.CONFLICT: HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNPROCESSABLE_ENTITY: HTTPStatus.BAD_REQUEST,
}


def send(body: object, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    """Return an answer as JSON."""
    return HttpResponse(msgspec.json.encode(body), status=status, content_type="application/json")


def say(problem: Problem) -> HttpResponse:
    """Return a problem as their clients read one."""
    status = HTTPStatus(problem.status)
    status = NOT_AGAIN.get(status, status)
    error = ERRORS.get(status, "InvalidRequestError")
    return send({"message": problem.detail, "error": error}, status)


def as_version(
    version: PromptVersion, labels: object, *, is_resolved: bool = True
) -> dict[str, Any]:
    """Return a version as Langfuse has it.

    Args:
        version: with its prompt.
        labels: that stand at it, as the database gives them.
        is_resolved: whether includes are put in place.

    Raises:
        NotForLangfuseError: their clients would fill it wrongly.
    """
    prompt = version.prompt
    text: Any
    if is_resolved:
        text = as_langfuse_prompt(as_template(version))
    else:
        text = as_content(version.kind, version.content)
        if not isinstance(text, str):
            text = list(_as_entries(text))
    is_newest = version.number == prompt.current_version
    created_at = version.created_at.isoformat()
    return {
        "id": str(version.pk),
        "name": prompt.name,
        "version": version.number,
        "type": version.kind,
        "prompt": text,
        "config": version.config,
        "labels": labels_of(labels, is_newest=is_newest),
        "tags": prompt.tags,
        "commitMessage": version.change_note or None,
        "resolutionGraph": None,
        "isActive": prompt.status == prompt.Status.ACTIVE,
        "projectId": PROJECT,
        "createdBy": version.author or "API",
        "createdAt": created_at,
        "updatedAt": created_at,  # a version never changes
    }


def _as_entries(entries: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for entry in entries:
        yield entry if "type" in entry else {"type": "chatmessage", **entry}
