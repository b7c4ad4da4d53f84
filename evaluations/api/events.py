"""Progress as Server-Sent Events: what a page needs to watch a run without asking."""

from http import HTTPStatus
from typing import Any, ClassVar, Final

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, StreamingHttpResponse
from dmr import Path, ResponseSpec
from dmr.plugins.msgspec import MsgspecJsonRenderer

from core.api.controllers import BaseController, empty, operation
from core.api.pages import READS, ById
from evaluations.api import run_reading as reading
from evaluations.api.watching import ENDED_ID, Watch, WatchLater

__all__ = ["RunEvents"]

EVENT_STREAM: Final = "text/event-stream"


class RunEvents(BaseController):
    """How far a run is, as it happens."""

    # Browsers ask for this type alone: it is only negotiated with.
    renderers: ClassVar[Any] = (*BaseController.renderers, MsgspecJsonRenderer(EVENT_STREAM))

    @operation(
        Any,
        permission="evaluations.view_run",
        problems=READS,
        also=[
            ResponseSpec(
                None,
                status_code=HTTPStatus.NO_CONTENT,
                description="The run has ended, and the client knows it: it connects no more.",
            )
        ],
    )
    def get(self, parsed_path: Path[ById]) -> HttpResponse:
        """Watch a run (text/event-stream): `progress` with each change, `end` when it has ended.

        Each event is the whole state, so nothing is lost between two connections. An answer lasts
        ten minutes at most; a client that connects again goes on. `Last-Event-ID` counts where it
        is that of `end`: the answer is 204 then, which tells browsers to stay away. With too many
        watchers, the answer is 503 with Retry-After: poll the run with its ETag instead.
        """
        run, _columns = reading.find_columns(parsed_path.id)
        if not run.is_open and self.request.META.get("HTTP_LAST_EVENT_ID") == ENDED_ID:
            return empty(HTTPStatus.NO_CONTENT)
        watch = Watch(self.request, parsed_path.id)
        # The controller answers with any response of Django's.
        return StreamingHttpResponse(  # type: ignore[return-value]
            WatchLater(watch) if isinstance(self.request, ASGIRequest) else watch,
            content_type=EVENT_STREAM,
            headers={
                "Cache-Control": "no-store, no-transform",
                "X-Accel-Buffering": "no",  # nginx would collect events before it sends them
            },
        )
