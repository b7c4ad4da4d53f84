"""An answer as server-sent events in OpenAI's format, while it comes."""

import time
from collections.abc import Generator, Iterator
from typing import Any, Final

import msgspec
from django.http import StreamingHttpResponse

from evaluations.api.openai import answers
from evaluations.api.openai.calls import Stream
from evaluations.api.openai.targets import Target
from evaluations.engine.errors import ProviderError
from evaluations.engine.types import Answer, Delta

__all__ = ["send_stream"]

DONE: Final = b"data: [DONE]\n\n"
NOTHING: Final = b": nothing yet\n\n"  # a comment, which every client leaves out


def send_stream(target: Target, stream: Stream, *, with_usage: bool) -> StreamingHttpResponse:
    """Return the answer that streams.

    Args:
        target: what is asked.
        stream: it is open, and will be closed.
        with_usage: whether the tokens are told at the end.
    """
    response = StreamingHttpResponse(
        _Events(target, stream, with_usage=with_usage),
        content_type="text/event-stream; charset=utf-8",
        # nginx would keep the pieces until it has some kilobytes.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
    for name, value in answers.describe_call(target).items():
        response.headers[name] = value
    return response


class _Events:
    """What is sent; the server closes it, also where the client has gone or nothing was read."""

    def __init__(self, target: Target, stream: Stream, *, with_usage: bool) -> None:
        self._stream = stream
        self._usage: dict[str, Any] = {"usage": None} if with_usage else {}
        self._shape = {
            "id": answers.make_id(),
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": target.name,
        }
        self._events = self._build()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._events)

    def close(self) -> None:
        """End the call to the service."""
        self._events.close()
        self._stream.close()

    def _build(self) -> Generator[bytes]:
        try:
            yield self._chunk({"role": "assistant", "content": ""})
            for piece in self._stream:
                if piece is None:
                    yield NOTHING
                elif isinstance(piece, Delta):
                    yield self._chunk(_as_delta(piece))
                else:
                    yield from self._build_end(piece)
            yield DONE
        except ProviderError as error:
            # The status has been sent long ago: the clients look for this.
            _status, body = answers.read_provider_error(error)
            yield _encode(body)

    def _build_end(self, answer: Answer) -> Iterator[bytes]:
        yield self._chunk({}, answers.as_finish_reason(answer))
        if self._usage:
            usage = answers.as_usage(answer)
            yield _encode({**self._shape, "choices": [], "usage": usage})

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        return _encode({**self._shape, "choices": [choice], **self._usage})


def _as_delta(piece: Delta) -> dict[str, Any]:
    delta: dict[str, Any] = {}
    if piece.text:
        delta["content"] = piece.text
    if piece.refusal:
        delta["refusal"] = piece.refusal
    if piece.tool_calls:
        delta["tool_calls"] = list(piece.tool_calls)
    return delta


def _encode(body: object) -> bytes:
    return b"data: " + msgspec.json.encode(body) + b"\n\n"
