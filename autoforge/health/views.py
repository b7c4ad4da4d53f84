"""`/health/live`, `/health/ready` for machines that ask all the time, `/health/report` for people.

The first two show names and states alone; the report needs a token of `manage.py health_token`.
"""

import threading
import time
from http import HTTPStatus

from django.conf import settings
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from autoforge.health import tokens
from autoforge.health.probes import PROBES
from autoforge.health.probes.migrations import probe_pending
from autoforge.health.report import HEALTHY, Report, run_probes

__all__ = ["live", "ready", "report"]

READY_PROBES = {
    "database": PROBES["database"],
    "migrations": probe_pending,
    "cache": PROBES["cache"],
}
# A balancer asks every few seconds, and must have its answer before it gives up waiting.
READY_TIMEOUT_SECONDS = 4.0
REPORT_TIMEOUT_SECONDS = 10.0
FRESH_SECONDS = 1.0


class _Recent:
    """The last report, for a second: a flood of requests asks the database once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._report: Report | None = None
        self._made_at = 0.0

    def get(self) -> Report:
        with self._lock:
            if self._report is None or time.monotonic() - self._made_at > FRESH_SECONDS:
                self._report = run_probes(
                    timeout_seconds=READY_TIMEOUT_SECONDS, probes=READY_PROBES
                )
                self._made_at = time.monotonic()
            return self._report

    def forget(self) -> None:
        with self._lock:
            self._report = None


recent = _Recent()


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Answer 200: the process takes requests. Nothing else is asked."""
    return JsonResponse({"status": HEALTHY})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 or 503: database, migrations and cache, as they were within the last second."""
    latest = recent.get()
    checks = [{"name": check.name, "status": check.status} for check in latest.checks]
    return JsonResponse({"status": latest.status, "checks": checks}, status=_http_status(latest))


@never_cache
@require_safe
def report(request: HttpRequest) -> JsonResponse:
    """Answer the full report to whoever carries a token, 401 to others."""
    if not settings.JWT_SECRET_KEY:
        raise Http404  # no token can be right here: the page is not there
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not tokens.is_valid(token.strip()):
        return JsonResponse(
            {"error": "A token is required; create one with `manage.py health_token`."},
            status=HTTPStatus.UNAUTHORIZED,
            headers={"WWW-Authenticate": 'Bearer realm="health"'},
        )
    result = run_probes(timeout_seconds=REPORT_TIMEOUT_SECONDS)
    return JsonResponse(result.as_dict(), status=_http_status(result))


def _http_status(result: Report) -> HTTPStatus:
    # Balancers look at the status alone, and 503 is what takes a process out of turn.
    return HTTPStatus.OK if result.status == HEALTHY else HTTPStatus.SERVICE_UNAVAILABLE
