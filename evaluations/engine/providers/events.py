"""Server-sent events, as services stream their answers: bytes in, the data of each event out.

https://html.spec.whatwg.org/multipage/server-sent-events.html. Names and IDs of events are left
out: the data of the services that are asked here says all by itself.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

__all__ = ["TooLongError", "read_events"]

LONGEST_EVENT: Final = 4 * 1024 * 1024  # bytes; the longest are whole calls of tools
LARGEST_STREAM: Final = 32 * 1024 * 1024


class TooLongError(ValueError):
    """An event, or all of them, are longer than an answer can be."""


async def read_events(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Yield the data of each event; an event that is cut at the end of the stream has none.

    Raises:
        TooLongError: there is more than an answer can have.
    """
    rest = b""
    data: list[bytes] = []
    size = 0
    event_size = 0
    async for piece in pieces:
        size += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        for ended in lines:
            event_size += len(ended)
            line = ended.removesuffix(b"\r")
            if line.startswith(b"data:"):
                data.append(line[len(b"data:") :].removeprefix(b" "))
            elif not line:
                if data:
                    yield b"\n".join(data)
                data = []
                event_size = 0
        if size > LARGEST_STREAM or event_size + len(rest) > LONGEST_EVENT:
            raise TooLongError
