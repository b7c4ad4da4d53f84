"""What exporters are told, in the form in which they asked: protobuf or JSON.

A success is an ExportTraceServiceResponse, a failure a Status of gRPC (code and message). Exporters
send again what is answered with 429, 502, 503 or 504, and drop everything else.
"""

from http import HTTPStatus
from typing import Final

import msgspec
from django.http import HttpResponse

from core.api.problems import Problem
from evaluations.otlp import JSON, PROTOBUF

__all__ = ["accept", "say_as_json", "say_as_protobuf"]

# https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
INVALID_ARGUMENT: Final = 3
INTERNAL: Final = 13
CODES: Final = {
    HTTPStatus.UNAUTHORIZED: 16,
    HTTPStatus.FORBIDDEN: 7,
    HTTPStatus.NOT_FOUND: 12,  # unimplemented: the intake is off
    HTTPStatus.METHOD_NOT_ALLOWED: 12,
    HTTPStatus.TOO_MANY_REQUESTS: 8,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,
}
# Protobuf's tags: the field's number, and that it is a number (0) or has a length (2).
CODE: Final = bytes([1 << 3 | 0])
MESSAGE: Final = bytes([2 << 3 | 2])
REJECTED: Final = CODE
ERROR_MESSAGE: Final = MESSAGE
PARTIAL_SUCCESS: Final = bytes([1 << 3 | 2])


def accept(content_type: str, rejected: int = 0, message: str = "") -> HttpResponse:
    """Return the answer to a request whose spans were taken.

    Args:
        content_type: of the request.
        rejected: how many spans were not taken.
        message: why not.
    """
    if content_type == PROTOBUF:
        body = b""
        if rejected:
            partial = REJECTED + _varint(rejected) + ERROR_MESSAGE + _text(message)
            body = PARTIAL_SUCCESS + _varint(len(partial)) + partial
    else:
        success: dict[str, object] = {}
        if rejected:  # numbers of 64 bits are texts in protobuf's JSON
            partial_success = {"rejectedSpans": str(rejected), "errorMessage": message}
            success = {"partialSuccess": partial_success}
        body = msgspec.json.encode(success)
    return _send(body, content_type, HTTPStatus.OK)


def say_as_protobuf(problem: Problem) -> HttpResponse:
    """Return a problem as a Status in protobuf."""
    status = _find_status(problem)
    body = CODE + _varint(_find_code(status)) + MESSAGE + _text(problem.detail)
    return _send(body, PROTOBUF, status)


def say_as_json(problem: Problem) -> HttpResponse:
    """Return a problem as a Status in JSON."""
    status = _find_status(problem)
    body = {"code": _find_code(status), "message": problem.detail}
    return _send(msgspec.json.encode(body), JSON, status)


def _send(body: bytes, content_type: str, status: HTTPStatus) -> HttpResponse:
    return HttpResponse(
        body, status=status, content_type=content_type, headers={"Cache-Control": "no-store"}
    )


def _find_status(problem: Problem) -> HTTPStatus:
    status = HTTPStatus(problem.status)
    # The specification knows 400 alone for what is wrong with the data.
    return HTTPStatus.BAD_REQUEST if status == HTTPStatus.UNPROCESSABLE_ENTITY else status


def _find_code(status: HTTPStatus) -> int:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return CODES.get(status, INTERNAL)
    return CODES.get(status, INVALID_ARGUMENT)


def _text(text: str) -> bytes:
    content = text.encode("utf-8", "replace")
    return _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Return a number as protobuf has it: seven bits a byte, the lowest first."""
    content = bytearray()
    while number > 0x7F:
        content.append(number & 0x7F | 0x80)
        number >>= 7
    content.append(number)
    return bytes(content)
