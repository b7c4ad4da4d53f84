"""Counts every request, and answers Prometheus' own.

It stands outside of what checks host and scheme: Prometheus asks each server by its own address,
such as web:8000, which is no name of the site, and without TLS inside of its network.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from prometheus_client import Counter, Histogram

from autoforge.metrics import definitions, recording
from autoforge.metrics.database_use import DatabaseUse, Meter
from autoforge.metrics.endpoint import PATH, metrics

__all__ = ["MetricsMiddleware"]

# The methods of RFC 9110 and PATCH: a client may send any word.
METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
STATIC: Final = "static"
UNMATCHED: Final = "unmatched"
Answer = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Series:
    """The numbers of one view, method and status: to look them up by labels takes longer."""

    requests: Counter
    seconds: Histogram
    database_seconds: Histogram
    statements: Histogram
    round_trips: Histogram


class MetricsMiddleware:
    """Counts a request by the view that answered it, with its time and use of the database."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        self._series: dict[tuple[str, str, int], _Series] = {}
        self._is_async = bool(iscoroutinefunction(get_response))
        if self._is_async:
            markcoroutinefunction(self)
        recording.install()

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer the request and count it."""
        if self._is_async:
            return self._answer_later(request)
        if request.path_info == PATH:
            return metrics(request)
        started = time.perf_counter()
        meter = Meter()
        response = cast("HttpResponseBase", self.get_response(request))
        self._count(request, response, time.perf_counter() - started, meter.read())
        return response

    async def _answer_later(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info == PATH:
            return await sync_to_async(metrics)(request)
        started = time.perf_counter()
        response = await cast("Awaitable[HttpResponseBase]", self.get_response(request))
        # Views run in threads that requests share: what one of them asks cannot be told.
        self._count(request, response, time.perf_counter() - started, None)
        return response

    def _count(
        self,
        request: HttpRequest,
        response: HttpResponseBase,
        seconds: float,
        use: DatabaseUse | None,
    ) -> None:
        method = request.method if request.method in METHODS else definitions.OTHER
        key = (_find_view(request), str(method), response.status_code)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _open_series(*key)
        series.requests.inc()
        series.seconds.observe(seconds)
        if use is None:
            return
        series.statements.observe(use.statements)
        series.database_seconds.observe(use.seconds)
        if use.round_trips is not None:
            series.round_trips.observe(use.round_trips)


def _open_series(view: str, method: str, status: int) -> _Series:
    return _Series(
        requests=definitions.REQUESTS.labels(view, method, str(status)),
        seconds=definitions.REQUEST_SECONDS.labels(view, method),
        database_seconds=definitions.REQUEST_DATABASE_SECONDS.labels(view),
        statements=definitions.REQUEST_STATEMENTS.labels(view),
        round_trips=definitions.REQUEST_ROUND_TRIPS.labels(view),
    )


def _find_view(request: HttpRequest) -> str:
    """Return the name of the view: there are as many as addresses in the code, never more."""
    match = request.resolver_match
    if match is not None:
        return match.view_name
    return STATIC if request.path_info.startswith(settings.STATIC_URL) else UNMATCHED
