"""From calls to spans, as OTLP's protobuf: names by OpenTelemetry's conventions and Langfuse's.

The names are those of the semantic conventions for generative AI (gen_ai.*, in development), of
Langfuse's attributes for OpenTelemetry (langfuse.*), and our own (autoforge.*). A collector that
does not know one keeps it as it is.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from autoforge.logging.secrets import hide_text
from autoforge.tracing.protobuf import (
    Resource,
    Value,
    as_attributes,
    as_nanoseconds,
    as_utf8,
    count_rejected,
    encode_spans,
)
from evaluations.engine.types import Answer, Message
from evaluations.observing import ObservedCall, ObservedRun, ObservedScore, PlaceInRun

__all__ = ["Resource", "Value", "count_rejected", "encode"]

TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
NO_TRACE: Final = bytes(16)
NO_SPAN: Final = bytes(8)
LONGEST_TEXT: Final = 200_000  # characters of the messages of a call, and of its answer
LONGEST_ERROR: Final = 1000  # characters
UNKNOWN_ROLE: Final = "user"
# Parameters that the conventions have a name for; the others stand in Langfuse's JSON.
PARAMETERS: Final = {
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "max_tokens": "gen_ai.request.max_tokens",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "temperature": "gen_ai.request.temperature",
    "top_k": "gen_ai.request.top_k",
    "top_p": "gen_ai.request.top_p",
}
# The conventions' names of providers, where they differ from ours.
PROVIDERS: Final = {"openai-compatible": "openai"}


def encode(
    items: Iterable[ObservedCall | ObservedRun], resource: Resource, *, with_messages: bool
) -> bytes:
    """Return the body of a request with a span for each item.

    Args:
        items: calls, and runs that have ended.
        resource: who sends them.
        with_messages: whether prompts, answers and what quotes them are among the attributes.
    """
    spans = []
    for item in items:
        if isinstance(item, ObservedRun):
            spans.append(_build_run(item))
        else:
            spans.append(_build_call(item, with_messages=with_messages))
    return encode_spans(spans, resource)


# --- Spans ----------------------------------------------------------------------------------------


def _build_run(run: ObservedRun) -> Span:
    is_failed = run.status == "failed"
    attributes: dict[str, Value] = {
        "langfuse.trace.name": run.name,
        "langfuse.observation.type": "span",
        "langfuse.observation.level": "ERROR" if is_failed else None,
        "langfuse.observation.status_message": _write_error(run.message) or None,
        "autoforge.run.id": str(run.run_id),
        "autoforge.run.name": run.name,
        "autoforge.run.status": run.status,
    }
    return Span(
        trace_id=run.run_id.bytes,
        span_id=_find_root(run.run_id),
        name=as_utf8(f"run {run.name}"),
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=as_nanoseconds(run.started_at),
        end_time_unix_nano=as_nanoseconds(max(run.started_at, run.finished_at)),
        attributes=as_attributes(attributes),
        status=_build_status(run.message or run.status if is_failed else ""),
    )


def _build_call(call: ObservedCall, *, with_messages: bool) -> Span:
    trace_id, parent_id = _find_trace(call)
    attributes = _list_attributes(call)
    if with_messages:
        attributes |= _list_messages(call)
    end = as_nanoseconds(max(call.asked_at, call.answered_at))
    span = Span(
        trace_id=trace_id,
        span_id=secrets.token_bytes(8),
        parent_span_id=parent_id,
        name=as_utf8(f"chat {call.model}".rstrip()),
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=as_nanoseconds(call.asked_at),
        end_time_unix_nano=end,
        attributes=as_attributes(attributes),
        status=_build_status(call.error),
    )
    for score in call.scores:
        event = Span.Event(
            name="gen_ai.evaluation.result",
            time_unix_nano=end,
            attributes=as_attributes(_list_score(score, with_reason=with_messages)),
        )
        span.events.append(event)
    return span


def _build_status(error: str) -> Status:
    if error:
        return Status(code=Status.STATUS_CODE_ERROR, message=as_utf8(_write_error(error)))
    return Status(code=Status.STATUS_CODE_UNSET)


def _find_trace(call: ObservedCall) -> tuple[bytes, bytes]:
    """Return the trace of a call and the span above it, empty where there is none."""
    if call.place is not None:
        # A run's key has as many bytes as a trace's: a run that is resumed continues its trace.
        return call.place.run_id.bytes, _find_root(call.place.run_id)
    match = TRACEPARENT.fullmatch(call.traceparent)
    if match:
        trace_id, parent_id = bytes.fromhex(match[1]), bytes.fromhex(match[2])
        if trace_id != NO_TRACE and parent_id != NO_SPAN:
            return trace_id, parent_id
    return secrets.token_bytes(16), b""


def _find_root(run_id: UUID) -> bytes:
    """Return the span of a run: known before it is sent, and the same in every process."""
    return hashlib.sha256(b"autoforge run " + run_id.bytes).digest()[:8]


# --- Attributes -----------------------------------------------------------------------------------


def _list_attributes(call: ObservedCall) -> dict[str, Value]:
    provider = PROVIDERS.get(call.provider, call.provider)
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.system": provider,  # its name before; many collectors still read this one
        "gen_ai.request.model": call.model,
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": call.model,
        "langfuse.trace.name": _find_name(call),
        "autoforge.attempts": call.attempts,
    }
    attributes |= _list_parameters(call.parameters)
    if call.answer is not None:
        attributes |= _list_usage(call.answer)
    if call.cost_usd is not None:
        attributes |= _list_cost(call.cost_usd)
    if call.prompt is not None:
        attributes["langfuse.observation.prompt.name"] = call.prompt.name
        attributes["langfuse.observation.prompt.version"] = call.prompt.number
        attributes["gen_ai.prompt.name"] = call.prompt.name
    if call.place is not None:
        attributes |= _list_place(call.place)
    if call.scores:
        scores = {score.name: score.value for score in call.scores}
        attributes["langfuse.observation.metadata.scores"] = json.dumps(scores)
    if call.error:
        attributes["error.type"] = "_OTHER"
        attributes["langfuse.observation.level"] = "ERROR"
        attributes["langfuse.observation.status_message"] = _write_error(call.error)
    return attributes


def _find_name(call: ObservedCall) -> str:
    if call.place is not None:
        return call.place.run_name
    return call.prompt.name if call.prompt is not None else f"chat {call.model}"


def _list_parameters(parameters: Mapping[str, object]) -> dict[str, Value]:
    if not parameters:
        return {}
    attributes: dict[str, Value] = {}
    # Tools and schemas are long, and belong to the version of the prompt.
    small: dict[str, object] = {}
    for name, value in parameters.items():
        if isinstance(value, bool | int | float | str):
            small[name] = value
        if name in PARAMETERS and isinstance(value, int | float):
            attributes[PARAMETERS[name]] = value
    attributes["langfuse.observation.model.parameters"] = json.dumps(small, ensure_ascii=False)
    return attributes


def _list_usage(answer: Answer) -> dict[str, Value]:
    cache = answer.cache
    reason = answer.finish_reason
    return {
        "gen_ai.usage.input_tokens": answer.input_tokens,
        "gen_ai.usage.output_tokens": answer.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": None if cache is None else cache.read,
        "gen_ai.usage.reasoning.output_tokens": answer.reasoning_tokens,
        "gen_ai.response.finish_reasons": None if reason is None else [reason],
        "autoforge.latency_ms": answer.latency_ms,
    }


def _list_cost(cost_usd: Decimal) -> dict[str, Value]:
    cost = float(cost_usd)
    return {
        "autoforge.cost_usd": cost,
        "gen_ai.usage.cost": cost,
        "langfuse.observation.cost_details": json.dumps({"total": cost}),
    }


def _list_place(place: PlaceInRun) -> dict[str, Value]:
    grading_cost = place.grading_cost_usd
    attributes: dict[str, Value] = {
        "autoforge.run.id": str(place.run_id),
        "autoforge.run.name": place.run_name,
        "autoforge.column": place.column,
        "autoforge.case": place.case,
        "autoforge.repeat": place.repeat,
        "autoforge.score": place.score,
        "autoforge.passed": place.passed,
        "autoforge.grading.calls": place.grading_calls or None,
        "autoforge.grading.cost_usd": None if grading_cost is None else float(grading_cost),
    }
    # Langfuse filters by metadata; other attributes it only keeps.
    for name in ("column", "case", "repeat", "score", "passed"):
        attributes[f"langfuse.observation.metadata.{name}"] = attributes[f"autoforge.{name}"]
    return attributes


def _list_score(score: ObservedScore, *, with_reason: bool) -> dict[str, Value]:
    label = None
    if score.passed is not None:
        label = "pass" if score.passed else "fail"
    return {
        "gen_ai.evaluation.name": score.name,
        "gen_ai.evaluation.score.value": score.value,
        "gen_ai.evaluation.score.label": label,
        "gen_ai.evaluation.explanation": score.reason if with_reason and score.reason else None,
    }


def _list_messages(call: ObservedCall) -> dict[str, Value]:
    attributes: dict[str, Value] = {"gen_ai.input.messages": _write_input(call.messages)}
    answer = call.answer
    if answer is not None:
        message = {**_as_message("assistant", answer.text), "finish_reason": answer.finish_reason}
        attributes["gen_ai.output.messages"] = json.dumps([message], ensure_ascii=False)
    return attributes


def _write_input(messages: Sequence[Message]) -> str:
    left = LONGEST_TEXT
    written = []
    for message in messages:
        # Of images and files, `content` has the names alone.
        written.append(_as_message(message.role, message.content, left))
        left = max(0, left - len(message.content))
    return json.dumps(written, ensure_ascii=False)


def _as_message(role: str, text: str, longest: int = LONGEST_TEXT) -> dict[str, object]:
    content = _cut(text, longest)
    return {"role": role or UNKNOWN_ROLE, "parts": [{"type": "text", "content": content}]}


def _write_error(text: str) -> str:
    # A service may repeat the key that it refuses.
    return _cut(hide_text(text), LONGEST_ERROR)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
