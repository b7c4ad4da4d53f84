"""Who may not try another password for now, and what that person reads.

Two limits, both counted in the database, so that every process counts together:

- a name from an address: five failures close that login, and nobody else's;
- an address: many failures over any names close it, for that is guessing names as well.

An address is what `autoforge.web.client_address` believes it to be. While a login is closed,
further attempts are not counted: it opens 15 minutes after the failure that closed it.
"""

import logging
from datetime import timedelta
from typing import Any, Final

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from autoforge.logging.limits import held_back_words, limits
from autoforge.web.client_address import HEADER, find_client_network

__all__ = ["FAILURES_OF_ADDRESS", "LockoutHandler", "answer_locked_out", "open_logins"]

# An office behind one address shares it: ten people may each close their own login before.
FAILURES_OF_ADDRESS: Final = 50
TOO_MANY_REQUESTS: Final = 429

logger = logging.getLogger(__name__)


class LockoutHandler(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    """django-axes with a second limit that is not the first one's."""

    def get_failures(
        self, request: HttpRequest, credentials: dict[str, object] | None = None
    ) -> int:
        """Return the failures that count; at least the limit where the address has used its own."""
        of_name, of_address = self.get_user_attempts(request, credentials)
        limit: int = settings.AXES_FAILURE_LIMIT
        # Without an address (a Unix socket and no proxy that says it) everybody would be one.
        if find_client_network(request) is not None and _count(of_address) >= FAILURES_OF_ADDRESS:
            return limit
        return _count(of_name)

    def reset_user_attempts(
        self, request: HttpRequest, credentials: dict[str, object] | None = None
    ) -> int:
        """Forget the failures of this name from this address, after a right password.

        Not those of the address: who has an account could guess others' for ever in between.
        """
        of_name, _of_address = self.filter_user_attempts(request, credentials)
        deleted: int = of_name.delete()[0]
        return deleted


def _count(attempts: Any) -> int:
    return attempts.aggregate(total=Sum("failures_since_start"))["total"] or 0


def answer_locked_out(
    request: HttpRequest,
    _response: HttpResponse | None = None,
    _credentials: dict[str, object] | None = None,
) -> HttpResponse:
    """Answer 429 with what to do; the log says which address, and no name: it may be a password."""
    cooloff: timedelta = settings.AXES_COOLOFF_TIME
    network = find_client_network(request)
    held_back = limits.take(("lockout", network))
    if held_back is not None:
        words = held_back_words(held_back)
        logger.warning("Login blocked: too many failures from %s%s", network, words)
    if held_back is not None and not settings.TRUSTED_PROXIES and HEADER in request.META:
        logger.warning(
            "The request came through a proxy, and TRUSTED_PROXIES is 0: everyone behind that "
            "proxy counts as one address; set it to the number of proxies"
        )
    context = {
        "minutes": int(cooloff.total_seconds() // 60),
        "address": network,
        "failures_of_address": FAILURES_OF_ADDRESS,
    }
    response = render(request, "admin/locked_out.html", context, status=TOO_MANY_REQUESTS)
    response["Retry-After"] = str(int(cooloff.total_seconds()))
    return response


def open_logins(*, names: list[str], addresses: list[str]) -> int:
    """Forget the failures of these names, and of these addresses; return how many attempts."""
    attempts = AccessAttempt.objects.filter(username__in=names)
    attempts |= AccessAttempt.objects.filter(ip_address__in=addresses)
    count: int = sum(attempts.values_list("failures_since_start", flat=True))
    attempts.delete()
    return count
