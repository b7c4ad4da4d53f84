"""What people see when something goes wrong that they did not do."""

import logging
import sys
from http import HTTPStatus
from typing import Final

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.defaults import server_error as django_server_error

from core.api.problems import is_api, make_problem, send_problem
from core.database.outages import Outage, OutageKind, find_outage
from core.sentences import Sentence
from django_hrana import driver

__all__ = ["content_too_large", "database_unavailable", "server_error"]

logger = logging.getLogger(__name__)

# The database's address and the remedy are for the log.
SENTENCES: Final = {
    OutageKind.ACCESS_DENIED: _(
        "The database rejected the credentials of this site or is read-only; "
        "nothing was saved. Contact your administrator."
    ),
    OutageKind.BLOCKED: _(
        "The database is blocked, most likely because a quota is exhausted; "
        "nothing was saved. Contact your administrator."
    ),
    OutageKind.BUSY: _("Someone else saved at the same time; nothing was saved. Try again."),
    OutageKind.DAMAGED: _(
        "The database is damaged, or the file is not a database; nothing was "
        "saved. Contact your administrator."
    ),
    OutageKind.DISK: _(
        "The disk of the database is full or failing; nothing was saved. Contact "
        "your administrator."
    ),
    OutageKind.LOCKED: _(
        "Another program is writing to the database; nothing was saved. Try again in a moment."
    ),
    OutageKind.NOT_FOUND: _("The database cannot be found. Contact your administrator."),
    OutageKind.OUTCOME_UNKNOWN: _(
        "The connection to the database was lost while saving. Check whether your "
        "change was saved before you try again."
    ),
    OutageKind.OVERLOADED: _("The database is too busy; nothing was saved. Try again."),
    OutageKind.TRANSACTION_LOST: _("The database was too busy; nothing was saved. Try again."),
    OutageKind.UNREACHABLE: _(
        "The database is not responding; nothing was saved. Try again in a moment."
    ),
}
NOT_AS_EXPECTED: Final = _(
    "The database does not match this version of the site; nothing was saved. "
    "Contact your administrator."
)
TOO_LARGE: Final = _(
    "The database accepts at most 5,000,000 bytes for all fields of an entry together; "
    "nothing was saved. Go back and split it."
)
RETRY_AFTER_SECONDS: Final = 10


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 with one sentence where the database has a bad day, else 500."""
    answer = database_unavailable(request, sys.exc_info()[1])
    if answer is None and is_api(request):
        sentence = Sentence("api.error")
        answer = send_problem(make_problem(HTTPStatus.INTERNAL_SERVER_ERROR, sentence))
    return answer or django_server_error(request)


def database_unavailable(request: HttpRequest, error: BaseException | None) -> HttpResponse | None:
    """Answer 503 with one sentence, and log the cause with its remedy.

    Returns:
        None where the error has nothing to do with the state of the database.
    """
    sentence, cause = _sentence_for(error)
    if not cause:
        return None
    logger.error("The database cannot be used: %s", cause)
    response = _say(request, "503.html", sentence, HTTPStatus.SERVICE_UNAVAILABLE)
    outage = find_outage(error)
    # A client that obeys would do once more what may have been done already.
    if outage is None or outage.kind is not OutageKind.OUTCOME_UNKNOWN:
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def content_too_large(request: HttpRequest, error: DatabaseError) -> HttpResponse | None:
    """Answer 413 where all that is to be saved as one is more than the database takes.

    Returns:
        None for another error.
    """
    if not isinstance(error.__cause__, driver.TooLarge):
        return None
    return _say(request, "413.html", TOO_LARGE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _say(request: HttpRequest, template: str, sentence: object, status: HTTPStatus) -> HttpResponse:
    """Answer with a sentence: on a page for people, as a problem for programs."""
    if is_api(request):
        return send_problem(make_problem(status, Sentence.verbatim(str(sentence))))
    return render(request, template, {"sentence": sentence}, status=status)


def _sentence_for(error: BaseException | None) -> tuple[object, str]:
    """Return the sentence for the reader, and the one for the log; empty where there is none."""
    outage: Outage | None = find_outage(error)
    if outage is not None:
        return SENTENCES[outage.kind], outage.sentence
    if not isinstance(error, DatabaseError):
        return "", ""
    from core.database.explanation import describe_schema_fault  # seldom needed

    return NOT_AS_EXPECTED, describe_schema_fault(error) or ""
