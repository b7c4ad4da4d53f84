"""Puts what is told of calls into the queue of each destination."""

import atexit
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.conf import settings

from autoforge import __version__
from autoforge.tracing.destinations import Destination
from autoforge.tracing.sender import Limits, Sender, close_all
from evaluations.observing import ObservedCall, ObservedRun, register_observer

__all__ = ["TraceObserver", "install"]

Item = ObservedCall | ObservedRun


@dataclass(frozen=True, kw_only=True, slots=True)
class _Protobuf:
    """OTLP's protobuf, which takes a twentieth of a second to load: the sender's thread does."""

    service: str
    environment: str
    with_messages: bool

    def encode(self, items: Sequence[Item]) -> bytes:
        """Return the body of a request."""
        from autoforge.tracing import spans

        resource = spans.Resource(
            service=self.service, version=__version__, environment=self.environment
        )
        return spans.encode(items, resource, with_messages=self.with_messages)

    def count_rejected(self, content: bytes) -> int:
        """Return how many spans were not taken."""
        from autoforge.tracing import spans

        return spans.count_rejected(content)


class TraceObserver:
    """Hands calls and runs to one sender per destination; both methods return at once.

    Args:
        destinations: where traces go.
        limits: of each sender.
    """

    def __init__(self, destinations: Sequence[Destination], limits: Limits | None = None) -> None:
        self._with_messages = settings.TRACE_MESSAGES
        form = _Protobuf(
            service=settings.OTEL_SERVICE_NAME,
            environment=settings.ENVIRONMENT.app_env,
            with_messages=self._with_messages,
        )
        self.senders: list[Sender[Item]] = []
        for destination in destinations:
            self.senders.append(Sender(destination, form, limits))

    def call_finished(self, call: ObservedCall) -> None:
        """Have a span of the call sent."""
        if self._with_messages:
            call = _without_parts(call)
        else:
            call = _without_texts(call)
        characters = sum(len(message.content) for message in call.messages)
        if call.answer is not None:
            characters += len(call.answer.text)
        for sender in self.senders:
            sender.put(call, characters)

    def run_finished(self, run: ObservedRun) -> None:
        """Have the span of the run sent, which those of its calls are below."""
        for sender in self.senders:
            sender.put(run)


def _without_texts(call: ObservedCall) -> ObservedCall:
    """Return a call without what must not be told: nor is it kept while it waits."""
    answer = call.answer
    if answer is not None:
        answer = replace(answer, text="", data=None, logprobs=None)
    return replace(call, messages=(), answer=answer)


def _without_parts(call: ObservedCall) -> ObservedCall:
    """Return a call without its images and files, which may be megabytes."""
    answer = call.answer
    if answer is not None:
        answer = replace(answer, data=None, logprobs=None)
    messages = tuple(replace(message, parts=()) for message in call.messages)
    return replace(call, messages=messages, answer=answer)


def install(destinations: Sequence[Destination]) -> None:
    """Have the calls of this process traced until it ends."""
    observer = TraceObserver(destinations)
    register_observer(observer)
    # Last of all: runs in the background have ended by then, and the log is still open.
    atexit.register(close_all, observer.senders)
