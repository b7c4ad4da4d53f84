"""Bodies of requests, read and decompressed within limits.

What is decompressed is counted while it comes: a megabyte of gzip can hold a gigabyte of zeros, of
which no more than the limit is ever in memory.
"""

import zlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest

from core.api.problems import register_problem
from core.errors import ApplicationError
from core.uploads import MEBIBYTE
from evaluations.otlp import MalformedError

__all__ = ["LARGEST_BODY", "BodyTooLargeError", "EncodingError", "LengthError", "read_body"]

LARGEST_BODY: Final = 16 * MEBIBYTE  # decompressed
# zlib's numbers for the header that it reads: gzip's, or zlib's own (which HTTP calls deflate).
WINDOWS: Final[Mapping[str, int]] = {
    "gzip": 16 + zlib.MAX_WBITS,
    "x-gzip": 16 + zlib.MAX_WBITS,
    "deflate": zlib.MAX_WBITS,
}
MOST_PARTS: Final = 100  # each costs a copy of what is behind it
PLAIN: Final = ("", "identity")


class EncodingError(ApplicationError):
    """The body is compressed in a way that is not known here."""


class BodyTooLargeError(ApplicationError):
    """The body is too large, or would be once it is decompressed."""


class LengthError(ApplicationError):
    """The body has no length, and the server in front cannot tell where it ends."""


register_problem(LengthError, HTTPStatus.LENGTH_REQUIRED)
register_problem(EncodingError, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
register_problem(BodyTooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def read_body(request: HttpRequest) -> bytes:
    """Return what the body of a request holds, decompressed.

    Raises:
        BodyTooLargeError: it would be larger than LARGEST_BODY.
        EncodingError: its encoding is none of gzip, deflate and identity.
        LengthError: it came without a length, over a server that does not know where it ends.
        MalformedError: it is not compressed so, or cut off.
    """
    body = request.body
    if not body and request.headers.get("Transfer-Encoding"):
        body = _read_pieces(request)
    return _decompress(body, request.headers.get("Content-Encoding", ""))


def _read_pieces(request: HttpRequest) -> bytes:
    """Return a body that came in pieces (chunked), as Node's exporters send it.

    Over WSGI, Django takes a body without a length for an empty one, and a success for an answer
    would lose the spans.
    """
    if "wsgi.input" not in request.META:  # ASGI: the body is really empty
        return b""
    if not request.META.get("wsgi.input_terminated"):
        raise LengthError("otlp.length")
    try:
        body: bytes = request.META["wsgi.input"].read(LARGEST_BODY + 1)
    except Exception as error:
        # The pieces are not what their lengths say, or end early: servers have errors of their own.
        raise MalformedError("otlp.chunks") from error
    if len(body) > LARGEST_BODY:
        raise BodyTooLargeError("otlp.too-large", mebibytes=LARGEST_BODY // MEBIBYTE)
    return body


def _decompress(body: bytes, encoding: str) -> bytes:
    encoding = encoding.strip().lower()
    if encoding in PLAIN or not body:
        return body
    if encoding not in WINDOWS:
        raise EncodingError("otlp.encoding", encodings="gzip, deflate, identity")
    opened = bytearray()
    for _part in range(MOST_PARTS):  # gzip may have several behind each other
        stream = zlib.decompressobj(WINDOWS[encoding])
        try:
            # One byte more than allowed tells that there is more.
            opened += stream.decompress(body, LARGEST_BODY + 1 - len(opened))
        except zlib.error:
            raise MalformedError("otlp.not-compressed", encoding=encoding) from None
        if len(opened) > LARGEST_BODY:
            raise BodyTooLargeError("otlp.too-large", mebibytes=LARGEST_BODY // MEBIBYTE)
        if not stream.eof:
            raise MalformedError("otlp.not-compressed", encoding=encoding)
        body = stream.unused_data
        if not body:
            return bytes(opened)
    raise MalformedError("otlp.not-compressed", encoding=encoding)
