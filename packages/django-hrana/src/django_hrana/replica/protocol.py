"""The server's replication log as bytes: gRPC-web frames around protobuf messages. No sockets here.

Only what is needed of either: three requests of two fields at most, and answers whose unknown
fields are skipped.

Source: protobuf's encoding (varints, field keys), gRPC-web's PROTOCOL-WEB.md, and the service
`wal_log.ReplicationLog` in libsql's replication_log.proto.
"""

import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import unquote

__all__ = [
    "HELLO",
    "PAGE_BYTES",
    "Frame",
    "Hello",
    "Incoming",
    "ProtocolError",
    "enclose",
    "offset_request",
    "parse_frame",
    "parse_hello",
    "parse_trailers",
    "read_frames",
]

PAGE_BYTES: Final = 4096  # the server knows no other size
HEADER: Final = struct.Struct("<QQII")  # a log frame's number, checksum, page, size after commit
PREFIX: Final = struct.Struct(">BI")  # a gRPC-web frame's flags and length
TRAILERS: Final = 0x80  # the flag of the frame that holds the status
COMPRESSED: Final = 0x01
MAX_VARINT_BYTES: Final = 10  # 64 bits, seven in a byte
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # protobuf's wire types
# More than one frame of the log, or a greeting, can take: a length beyond it is no length.
MAX_MESSAGE_BYTES: Final = 65_536
HELLO: Final = b"\x08\x01"  # HelloRequest: handshake_version = 1


class ProtocolError(Exception):
    """The answer is not what the protocol says."""


class Frame(NamedTuple):
    """A page as it is after a change."""

    frame_no: int
    """Its number in the log, from 0."""
    checksum: int
    """A checksum of the whole log up to it."""
    page_no: int
    """Which page, from 1."""
    size_after: int
    """Pages of the database after the commit that it ends; 0: it ends none."""
    page: bytes
    """The page's content."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hello:
    """What the server says of its log."""

    log_id: bytes
    """Names the log: 16 bytes. Another one begins when the server cannot vouch for the old one."""
    session: bytes
    """Names the server's process: 16 bytes; what is asked afterwards must repeat it."""
    last_frame_no: int | None
    """Number of the newest frame; None: there is none yet."""


class Incoming:
    """Bytes that arrive in pieces, taken in other pieces."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = bytearray()
        self.taken = 0
        """How many were taken so far."""

    def take(self, count: int) -> bytes:
        """Return exactly so many bytes.

        Raises:
            ProtocolError: there are fewer.
        """
        while len(self._buffer) < count:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise ProtocolError("the answer ends too early")
            self._buffer += chunk
        taken = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        self.taken += count
        return taken

    def take_message(self, length: int) -> bytes:
        """Return a message of this length, which none is far beyond a page.

        Raises:
            ProtocolError: it is not that short, or not complete.
        """
        if length > MAX_MESSAGE_BYTES:
            raise ProtocolError("a message is too long")
        return self.take(length)

    def take_varint(self) -> int:
        """Return a number of variable length.

        Raises:
            ProtocolError: it has no end.
        """
        value = 0
        for index in range(MAX_VARINT_BYTES):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value
        raise ProtocolError("a number has no end")

    def take_prefix(self) -> tuple[bool, int]:
        """Return whether a gRPC-web frame holds the trailers, and its length.

        Raises:
            ProtocolError: it is compressed, which nobody asked for.
        """
        flags, length = PREFIX.unpack(self.take(PREFIX.size))
        if flags & COMPRESSED:
            raise ProtocolError("the answer is compressed")
        return bool(flags & TRAILERS), length

    def take_rest(self) -> None:
        """Read to the end, so that the connection can be used again."""
        self._buffer.clear()
        for _chunk in self._chunks:
            pass


def enclose(message: bytes) -> bytes:
    """Return a message as the body of a gRPC-web request."""
    return PREFIX.pack(0, len(message)) + message


def offset_request(frame_no: int) -> bytes:
    """Return a LogOffset: what comes from this frame on."""
    message = bytearray(b"\x08")  # field 1, a varint
    rest = frame_no
    while rest > 0x7F:
        message.append(rest & 0x7F | 0x80)
        rest >>= 7
    message.append(rest)
    return bytes(message)


def parse_hello(message: bytes) -> Hello:
    """Return a HelloResponse.

    Raises:
        ProtocolError: it is none.
    """
    log_id, session, last_frame_no = b"", b"", None
    for number, value in _fields(message):
        if number == 3 and isinstance(value, bytes):
            log_id = value
        elif number == 4 and isinstance(value, bytes):
            session = value
        elif number == 5 and isinstance(value, int):
            last_frame_no = value
    try:
        log, process = uuid.UUID(log_id.decode()), uuid.UUID(session.decode())
    except ValueError as error:
        raise ProtocolError("the greeting names no log") from error
    return Hello(log_id=log.bytes, session=process.bytes, last_frame_no=last_frame_no)


def parse_frame(message: bytes) -> Frame:
    """Return a Frame.

    Raises:
        ProtocolError: it is none.
    """
    for number, value in _fields(message):
        if number == 1 and isinstance(value, bytes):
            if len(value) != HEADER.size + PAGE_BYTES:
                break
            frame_no, checksum, page_no, size_after = HEADER.unpack_from(value)
            if page_no == 0:  # SQLite counts from 1
                break
            return Frame(frame_no, checksum, page_no, size_after, value[HEADER.size :])
    raise ProtocolError("a frame is not a header and a page of 4,096 bytes")


def read_frames(incoming: Incoming, length: int) -> Iterator[Frame]:
    """Yield the frames of a Frames message of `length` bytes while it arrives.

    A transaction of any size is one message: it is never in memory as a whole.

    Raises:
        ProtocolError: it is none.
    """
    end = incoming.taken + length
    while incoming.taken < end:
        key, size = incoming.take_varint(), incoming.take_varint()
        if key != 1 << 3 | BYTES:
            raise ProtocolError("the answer does not consist of frames")
        yield parse_frame(incoming.take_message(size))
    if incoming.taken != end:
        raise ProtocolError("the frames are longer than their message")


def parse_trailers(text: bytes) -> dict[str, str]:
    """Return the trailers by their names in lower case."""
    trailers = {}
    for line in text.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        trailers[name.strip().lower()] = unquote(value.strip())
    return trailers


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the number and the value of each field."""
    incoming = Incoming(iter([message]))
    while incoming.taken < len(message):
        key = incoming.take_varint()
        number, kind = key >> 3, key & 0x07
        if kind == VARINT:
            yield number, incoming.take_varint()
        elif kind == BYTES:
            size = incoming.take_varint()
            yield number, incoming.take(size)
        elif kind in {FIXED64, FIXED32}:
            yield number, incoming.take(8 if kind == FIXED64 else 4)
        else:
            raise ProtocolError("a field has a type that protobuf does not have")
