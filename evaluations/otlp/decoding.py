"""The body of a request: which form it has."""

from typing import Final

from evaluations.otlp import json_form
from evaluations.otlp.spans import Decoded

__all__ = ["CONTENT_TYPES", "JSON", "PROTOBUF", "decode"]

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
CONTENT_TYPES: Final = (PROTOBUF, JSON)


def decode(body: bytes, content_type: str) -> Decoded:
    """Return the spans of a request (ExportTraceServiceRequest).

    Args:
        body: of the request, decompressed.
        content_type: one of CONTENT_TYPES, without parameters.

    Raises:
        MalformedError: the body is not in this form.
        TooManySpansError: there are so many spans that they are not even counted.
    """
    if content_type == JSON:
        return json_form.decode(body)
    # Protobuf takes a twentieth of a second to load: who sends it waits for it, once.
    from evaluations.otlp import protobuf

    return protobuf.decode(body)
