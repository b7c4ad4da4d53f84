"""What people see when something goes wrong that they did not do."""

import sys
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.defaults import server_error as django_server_error

from autoforge.db import hrana
from autoforge.db.libsql.explanation import find_cause

__all__ = ["server_error"]

# By the driver's error; the server's address and the remedy are for the log.
SENTENCES: Final = {
    hrana.AccessDenied: _(
        "The database does not let this site in, or only lets it read: nothing was saved. Tell "
        "your administrator."
    ),
    hrana.Blocked: _(
        "The database is blocked, most often because a quota is used up: nothing was saved. Tell "
        "your administrator."
    ),
    hrana.Busy: _("Somebody else saved at the same moment: nothing was saved. Try again."),
    hrana.DatabaseNotFound: _("The database is not there. Tell your administrator."),
    hrana.OutcomeUnknown: _(
        "The connection to the database broke while it saved. Look whether your change is there "
        "before you repeat it."
    ),
    hrana.Overloaded: _("The database is too busy now: nothing was saved. Try again."),
    hrana.TransactionLost: _("The database was too busy: nothing was saved. Try again."),
    hrana.Unreachable: _("The database does not answer now: nothing was saved. Try again soon."),
    hrana.InterfaceError: _("The database does not answer now: nothing was saved. Try again soon."),
}
UNAVAILABLE: Final = 503
RETRY_AFTER_SECONDS: Final = 10


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 with one sentence where the database has a bad day, else 500."""
    cause = find_cause(sys.exc_info()[1])
    if cause is None:
        return django_server_error(request)
    sentence = next(text for kind, text in SENTENCES.items() if isinstance(cause, kind))
    response = render(request, "503.html", {"sentence": sentence}, status=UNAVAILABLE)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
