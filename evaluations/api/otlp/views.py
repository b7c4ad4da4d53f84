"""The address of OTLP/HTTP: POST, protobuf or JSON."""

import logging
from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from core.api.controllers import RETRY_SECONDS, caller_of
from core.api.foreign import foreign
from core.api.problems import Problem, make_problem, register_problem
from core.database.outages import find_outage
from core.errors import ApplicationError, NotFoundError
from core.sentences import Sentence
from evaluations.api.otlp import answers
from evaluations.api.otlp.request_bodies import read_body
from evaluations.otlp import (
    CONTENT_TYPES,
    LARGEST_SPAN,
    MOST_SPANS,
    PROTOBUF,
    Decoded,
    MalformedError,
    TooManySpansError,
    decode,
    is_span_id,
    is_trace_id,
    read_generations,
)
from evaluations.recorded import NewRecord
from evaluations.services import records

__all__ = ["traces"]

logger = logging.getLogger(__name__)
PERMISSION: Final = "evaluations.add_callrecord"


class FormError(ApplicationError):
    """The body is neither protobuf nor JSON."""


register_problem(FormError, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
register_problem(MalformedError, HTTPStatus.BAD_REQUEST)
register_problem(TooManySpansError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _receive(request: HttpRequest) -> HttpResponse:
    """Keep the calls of models of a request; all other spans are taken and not kept."""
    if not settings.TRACES_KEPT_DAYS:
        raise NotFoundError("otlp.off")
    form = _find_form(request)
    if form not in CONTENT_TYPES:
        raise FormError("otlp.form", forms=", ".join(CONTENT_TYPES))
    decoded = decode(read_body(request), form)
    calls = read_generations(decoded.spans, now=timezone.now())
    complete = [call for call in calls if _has_ids(call)]
    if complete:
        records.keep_records(records=complete, caller=caller_of(request).name)
    return _answer(form, decoded, len(calls) - len(complete))


def _answer(form: str, decoded: Decoded, without_ids: int) -> HttpResponse:
    reasons = []
    if decoded.too_many:
        reasons.append(Sentence("otlp.cut", count=decoded.too_many, most=MOST_SPANS))
    if decoded.too_large:
        mebibytes = LARGEST_SPAN // (1024 * 1024)
        reasons.append(Sentence("otlp.large-spans", count=decoded.too_large, mebibytes=mebibytes))
    if without_ids:
        reasons.append(Sentence("otlp.ids", count=without_ids))
    rejected = decoded.too_many + decoded.too_large + without_ids
    return answers.accept(form, rejected, "; ".join(map(str, reasons)))


def _has_ids(call: NewRecord) -> bool:
    return is_trace_id(call.trace_id) and is_span_id(call.span_id)


def _find_form(request: HttpRequest) -> str:
    return (request.content_type or "").lower()


_as_protobuf = foreign(say=answers.say_as_protobuf, permission=PERMISSION, methods=("POST",))(
    _receive
)
_as_json = foreign(say=answers.say_as_json, permission=PERMISSION, methods=("POST",))(_receive)


@csrf_exempt
def traces(request: HttpRequest) -> HttpResponseBase:
    """Take the spans of another program.

    An error of the database that will pass is answered with 503: exporters keep what they have and
    send it again, while they drop what is answered with 4xx or 500.
    """
    receive = _as_protobuf if _find_form(request) == PROTOBUF else _as_json
    try:
        return receive(request)
    except DatabaseError as error:
        outage = find_outage(error)
        if outage is None:
            raise
    logger.error("The database cannot be used: %s", outage.sentence)
    problem = make_problem(HTTPStatus.SERVICE_UNAVAILABLE, Sentence("otlp.later"))
    response = _say(request, problem)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _say(request: HttpRequest, problem: Problem) -> HttpResponse:
    if _find_form(request) == PROTOBUF:
        return answers.say_as_protobuf(problem)
    return answers.say_as_json(problem)


# For who refuses a request before the view has it.
vars(traces)["say_problem"] = _say
