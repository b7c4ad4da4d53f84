"""Runs: estimate, start, list, read, cancel, resume, retry, rescore, put into the trash."""

from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final, cast

from django.http import HttpResponse
from dmr import HeaderSpec, Path, Query, ResponseSpec
from dmr.plugins.msgspec import BodyMsgspec
from msgspec import UNSET

from core.api.controllers import ETAG, BaseController, answer_unless_seen, empty, operation
from core.api.pages import CHANGES, READS, ById, PageQuery, take_page
from core.api.repeats import answer_once
from core.errors import NotFoundError
from evaluations.api import run_bodies as bodies
from evaluations.api import run_reading as reading
from evaluations.api import run_starting as starting
from evaluations.models import Run
from evaluations.services import runs as services
from evaluations.tasks import enqueue_run

__all__ = [
    "CancelledRun",
    "Estimate",
    "OneRun",
    "RescoredRun",
    "ResumedRun",
    "RetriedRun",
    "Runs",
    "TrashedRun",
    "TrashedRuns",
]

NEWEST: Final = ("created_at", "pk")
LOCATION: Final = {"Location": HeaderSpec(description="Where the run is read.")}


class Estimate(BaseController):
    """What a run would take."""

    @operation(bodies.PreviewRead, permission="evaluations.add_run", problems=READS)
    def post(self, parsed_body: BodyMsgspec[bodies.RunBody]) -> HttpResponse:
        """Estimate calls, tokens and cost of a run, and say what does not fit; nothing is saved."""
        preview = starting.preview(parsed_body, self.caller.name)
        return self.to_response(preview, status_code=HTTPStatus.OK)


class Runs(BaseController):
    """Runs in use."""

    @operation(bodies.RunPage, permission="evaluations.view_run", problems=READS)
    def get(self, parsed_query: Query[bodies.RunQuery]) -> HttpResponse:
        """List runs, the newest first."""
        page, next_cursor = take_page(
            reading.list_runs(parsed_query),
            by=NEWEST,
            cursor=parsed_query.cursor,
            limit=parsed_query.limit,
            newest_first=True,
        )
        items = [reading.as_item(run) for run in page]
        return self.to_response(bodies.RunPage(items=items, next_cursor=next_cursor))

    @operation(
        bodies.RunRead,
        permission="evaluations.add_run",
        status=HTTPStatus.CREATED,
        problems=CHANGES,
        headers=LOCATION,
    )
    def post(self, parsed_body: BodyMsgspec[bodies.RunBody]) -> HttpResponse:
        """Start a run in the background.

        Send an Idempotency-Key: a request that is repeated with it does not pay twice.
        """

        def work() -> HttpResponse:
            return _say_started(self, starting.start(parsed_body, self.caller.name))

        return answer_once(self.request, self.caller, work)


class OneRun(BaseController):
    """A run by its ID."""

    @operation(
        bodies.RunRead,
        permission="evaluations.view_run",
        problems=READS,
        headers=ETAG,
        also=[ResponseSpec(None, status_code=HTTPStatus.NOT_MODIFIED, headers=ETAG)],
    )
    def get(self, parsed_path: Path[ById]) -> HttpResponse:
        """Read a run: what it asks, how far it is, what it found.

        To poll, send the ETag in If-None-Match: 304 says that nothing has changed.
        """
        answer = reading.encode_run(parsed_path.id)
        return answer_unless_seen(self.request, answer.body, answer.etag)

    @operation(
        None,
        permission="evaluations.delete_run",
        status=HTTPStatus.NO_CONTENT,
        problems=READS,
    )
    def delete(self, parsed_path: Path[ById]) -> HttpResponse:
        """Put a run into the trash, with what it found."""
        if not services.delete_runs([parsed_path.id]):
            raise NotFoundError("row.missing", kind=Run._meta.verbose_name, key=parsed_path.id)
        return empty(HTTPStatus.NO_CONTENT)


class CancelledRun(BaseController):
    """A run that is to stop."""

    @operation(bodies.RunRead, permission="evaluations.change_run", problems=CHANGES)
    def post(self, parsed_path: Path[ById]) -> HttpResponse:
        """Ask the run's worker to stop; what is stored stays, and so does a run that has ended."""
        services.cancel_run(parsed_path.id)
        return self.to_response(reading.read_run(parsed_path.id), status_code=HTTPStatus.OK)


class ResumedRun(BaseController):
    """A run that goes on."""

    @operation(bodies.RunRead, permission="evaluations.change_run", problems=CHANGES)
    def post(
        self, parsed_path: Path[ById], parsed_body: BodyMsgspec[bodies.ResumeBody]
    ) -> HttpResponse:
        """Go on with a run where it was, within new limits; what is stored is not asked again."""
        limits: dict[str, Any] = {}
        for name in parsed_body.__struct_fields__:
            value = getattr(parsed_body, name)
            if value is not UNSET:
                limits[name] = value
        if limits.get("max_cost_usd") is not None:
            limits["max_cost_usd"] = Decimal(str(limits["max_cost_usd"]))
        services.update_limits(parsed_path.id, **cast("services.RunLimits", limits))
        enqueue_run(parsed_path.id)
        return self.to_response(reading.read_run(parsed_path.id), status_code=HTTPStatus.OK)


class RetriedRun(BaseController):
    """A run whose errors are done again."""

    @operation(bodies.Retried, permission="evaluations.change_run", problems=CHANGES)
    def post(self, parsed_path: Path[ById]) -> HttpResponse:
        """Ask again for the answers that failed; one that was paid is only scored again."""
        count = services.clear_errors(parsed_path.id)
        enqueue_run(parsed_path.id)
        body = bodies.Retried(retried=count, run=reading.read_run(parsed_path.id))
        return self.to_response(body, status_code=HTTPStatus.OK)


class RescoredRun(BaseController):
    """A run whose answers are scored anew."""

    @operation(
        bodies.RunRead,
        permission="evaluations.add_run",
        status=HTTPStatus.CREATED,
        problems=CHANGES,
        headers=LOCATION,
    )
    def post(self, parsed_path: Path[ById]) -> HttpResponse:
        """Score a run's stored answers by its suite as it is now, as a new run; none is asked."""

        def work() -> HttpResponse:
            run = starting.start_rescoring(parsed_path.id, self.caller.name)
            return _say_started(self, run)

        return answer_once(self.request, self.caller, work)


class TrashedRuns(BaseController):
    """Runs in the trash."""

    @operation(bodies.RunPage, permission="evaluations.view_run", problems=READS)
    def get(self, parsed_query: Query[PageQuery]) -> HttpResponse:
        """List runs in the trash, the newest first."""
        rows = Run.all_objects.deleted().select_related("user").prefetch_related("evaluations")
        page, next_cursor = take_page(
            rows,
            by=NEWEST,
            cursor=parsed_query.cursor,
            limit=parsed_query.limit,
            newest_first=True,
        )
        items = [reading.as_item(run) for run in page]
        return self.to_response(bodies.RunPage(items=items, next_cursor=next_cursor))


class TrashedRun(BaseController):
    """A run in the trash."""

    @operation(bodies.RunRead, permission="evaluations.change_run", problems=CHANGES)
    def post(self, parsed_path: Path[ById]) -> HttpResponse:
        """Take a run out of the trash."""
        if not services.restore_runs([parsed_path.id]):
            kind = Run._meta.verbose_name
            raise NotFoundError("row.missing-deleted", kind=kind, key=parsed_path.id)
        return self.to_response(reading.read_run(parsed_path.id), status_code=HTTPStatus.OK)


def _say_started(controller: BaseController, run: Run) -> HttpResponse:
    address = controller.request.build_absolute_uri(f"/api/v1/runs/{run.pk}")
    return controller.to_response(
        reading.read_run(run.pk),
        status_code=HTTPStatus.CREATED,
        headers={"Location": address},
    )
