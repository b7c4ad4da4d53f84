"""Traces in: from the body of an OTLP request to records of calls of models. Plain Python.

    decode ──▶ protobuf | json_form ──▶ spans ──▶ generations ──▶ NewRecord
                                                      └──▶ messages ──▶ contents

`decode` knows the wire: OTLP's protobuf and its JSON, both within limits. `read_generations` knows
what those who send call things: OpenTelemetry's conventions in their older and newer form,
Langfuse's, OpenLLMetry's, OpenInference's, those of Vercel's AI SDK, and our own.
"""

from evaluations.otlp.decoding import CONTENT_TYPES, JSON, PROTOBUF, decode
from evaluations.otlp.generations import is_generation, read_generations
from evaluations.otlp.spans import (
    LARGEST_SPAN,
    MOST_SPANS,
    Decoded,
    Event,
    MalformedError,
    Span,
    TooManySpansError,
    is_span_id,
    is_trace_id,
)

__all__ = [
    "CONTENT_TYPES",
    "JSON",
    "LARGEST_SPAN",
    "MOST_SPANS",
    "PROTOBUF",
    "Decoded",
    "Event",
    "MalformedError",
    "Span",
    "TooManySpansError",
    "decode",
    "is_generation",
    "is_span_id",
    "is_trace_id",
    "read_generations",
]
