"""Everything under /api/: the operations of the apps, the OpenAPI document and its page."""

from functools import lru_cache
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, re_path
from django.urls import path as django_path
from django.views.decorators.csrf import csrf_exempt
from dmr.routing import Router, path
from msgspec import json

from autoforge.api.me import Me
from autoforge.api.openapi import build_document
from autoforge.api.tokens import Tokens
from core.api.problems import make_problem, send_problem
from core.sentences import Sentence
from evaluations.api import ROUTES as EVALUATION_ROUTES
from evaluations.api.otlp import traces
from prompts.api import ROUTES as PROMPT_ROUTES

__all__ = ["ROUTER", "document", "urlpatterns"]

ROUTES = [
    path("me", Me.as_view(), name="me"),
    path("tokens", Tokens.as_view(), name="tokens"),
    *PROMPT_ROUTES,
    *EVALUATION_ROUTES,
]
ROUTER: Final = Router("api/v1/", ROUTES)


@csrf_exempt
def not_found(_request: HttpRequest) -> HttpResponse:
    """Answer what is under /api/ and no operation with a problem."""
    problem = make_problem(HTTPStatus.NOT_FOUND, Sentence("api.no-operation"))
    return send_problem(problem)


@lru_cache(maxsize=1)
def document() -> bytes:
    """Return the OpenAPI document as JSON; made when it is first asked for."""
    return json.encode(build_document(ROUTER))


def openapi(_request: HttpRequest) -> HttpResponse:
    """Answer the OpenAPI document: what is offered is no secret."""
    return HttpResponse(document(), content_type="application/json")


def docs(request: HttpRequest) -> HttpResponse:
    """Answer the page on which the document can be read, and tried with a key."""
    return render(request, "api/docs.html")


urlpatterns = [
    django_path("openapi.json", openapi, name="openapi"),
    django_path("docs", docs, name="api-docs"),
    django_path("public/otel/v1/traces", traces),  # where Langfuse's clients send them
    django_path("public/", include("prompts.api.langfuse")),
    django_path("v1/", include((ROUTER.urls, "v1"))),
    re_path(r"^", not_found),
]
