"""Langfuse's addresses for prompts."""

from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from core.api.controllers import caller_of, empty, need_permission
from core.api.foreign import foreign
from core.api.problems import RequestError, describe_mismatch
from prompts import services
from prompts.api.langfuse.answers import PROJECT, say, send
from prompts.api.langfuse.reading import (
    LARGEST_NUMBER,
    list_prompts,
    load_version,
    read_number,
)
from prompts.api.langfuse.writing import NewLabels, NewVersion, put_labels, save_version
from prompts.api.reading import find_prompt_id
from prompts.selectors import get_prompt

__all__ = ["urlpatterns"]

BodyT = TypeVar("BodyT")
VERSION = "3.0.0"  # the version of Langfuse whose answers these are


@foreign(say=say, permission=None)
def health(_request: HttpRequest) -> HttpResponse:
    """Say that the API answers."""
    return send({"status": "OK", "version": VERSION})


@foreign(say=say, permission="")
def projects(_request: HttpRequest) -> HttpResponse:
    """Name the one project that there is: so the clients check their credentials."""
    project = {
        "id": PROJECT,
        "name": "AutoForge",
        "organization": {"id": PROJECT, "name": "AutoForge"},
        "metadata": {},
    }
    return send({"data": [project]})


@foreign(say=say, permission="prompts.view_prompt", methods=("GET", "POST"))
def prompts(request: HttpRequest) -> HttpResponse:
    """List prompts, or save a version."""
    if request.method == "GET":
        return send(list_prompts(request.GET.dict()))
    caller = caller_of(request)
    body = _read_body(request, NewVersion)
    for permission in ("prompts.add_prompt", "prompts.change_prompt"):
        need_permission(caller, permission)
    name, number = save_version(body, caller)
    version = load_version(name, number=number, is_resolved=False)
    return send(version, HTTPStatus.CREATED)


@foreign(say=say, permission="prompts.view_prompt", methods=("GET", "DELETE"))
def one_prompt(request: HttpRequest, name: str) -> HttpResponse:
    """Read a version, or put the prompt into the trash."""
    label, number = _which(request)
    if request.method == "DELETE":
        return _delete(request, name, is_part=bool(label or number))
    is_resolved = request.GET.get("resolve", "true").lower() != "false"
    return send(load_version(name, label=label, number=number, is_resolved=is_resolved))


def one_version(request: HttpRequest, name: str, number: int) -> HttpResponseBase:
    """Put labels on a version; any other method is for a prompt that is called like this."""
    if request.method == "PATCH":
        return label_version(request, name, number)
    return one_prompt(request, f"{name}/versions/{number}")


one_version.csrf_exempt = True  # type: ignore[attr-defined]  # as the views that it leads to


@foreign(say=say, permission="prompts.move_label", methods=("PATCH",))
def label_version(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Put labels on a version."""
    body = _read_body(request, NewLabels)
    prompt = get_prompt(find_prompt_id(name))
    put_labels(prompt, number, body.new_labels, caller_of(request))
    return send(load_version(name, number=number, is_resolved=False))


def _delete(request: HttpRequest, name: str, *, is_part: bool) -> HttpResponse:
    caller = caller_of(request)
    need_permission(caller, "prompts.delete_prompt")
    if is_part:
        raise RequestError("langfuse.delete-version")
    services.delete_prompt(prompt_id=find_prompt_id(name), actor=caller.name)
    return empty(HTTPStatus.NO_CONTENT)


def _which(request: HttpRequest) -> tuple[str, int | None]:
    label = request.GET.get("label", "")
    if not request.GET.get("version"):
        return label, None
    if label:
        raise RequestError("api.label-and-version")
    return "", read_number(request.GET.dict(), "version", 1, LARGEST_NUMBER)


def _read_body(request: HttpRequest, model: type[BodyT]) -> BodyT:
    try:
        return msgspec.json.decode(request.body, type=model)
    except msgspec.ValidationError as error:
        problem = describe_mismatch(str(error))
        raise RequestError("langfuse.field", name=problem.field, what=problem.detail) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError("langfuse.json", what=str(error)) from None


urlpatterns: list[Any] = [
    path("health", health),
    path("projects", projects),
    path("v2/prompts", prompts),
    path("v2/prompts/<path:name>/versions/<int:number>", one_version),
    path("v2/prompts/<path:name>", one_prompt),
]
