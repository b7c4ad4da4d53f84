"""Calls of the gateway as records, where the settings say that they are kept."""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import Error as DatabaseError

from core.database.explanation import explain
from evaluations.engine.types import Answer, Message
from evaluations.models import CallRecord
from evaluations.recorded import NewRecord
from evaluations.services.records import keep_records

if TYPE_CHECKING:
    from evaluations.api.openai.calls import Call

__all__ = ["keep_call"]

logger = logging.getLogger(__name__)

# W3C Trace Context: version, trace, parent, flags. Of the parent's own call nothing is known here.
TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def keep_call(call: "Call", answer: Answer | None, *, error: str, answered_at: float) -> None:
    """Keep what came of a call; it was paid, so that nothing here disturbs its answer.

    Args:
        call: what was asked.
        answer: what came, or what of it came; None: nothing.
        error: why that is not the whole answer.
        answered_at: when it ended, in seconds since 1970.
    """
    if not settings.GATEWAY_RECORDS_DAYS:
        return
    try:
        record = _build_record(call, answer, error, answered_at)
        keep_records(records=[record], caller=call.caller)
    except DatabaseError as problem:
        cause = explain(problem)
        if cause is None:
            logger.exception("A call of the gateway could not be kept")
        else:
            logger.error("A call of the gateway could not be kept: %s", cause)  # noqa: TRY400 (a sentence, no traceback)
    except Exception:
        logger.exception("A call of the gateway could not be kept")


def _build_record(call: "Call", answer: Answer | None, error: str, answered_at: float) -> NewRecord:
    prompt = call.prompt
    return NewRecord(
        source=CallRecord.Source.GATEWAY,
        trace_id=_read_trace_id(str(call.environment.get("HTTP_TRACEPARENT", ""))),
        provider=call.kind,
        model=call.request.model,
        asked_at=datetime.fromtimestamp(call.asked_at, UTC),
        answered_at=datetime.fromtimestamp(answered_at, UTC),
        parameters=call.request.parameters,
        messages=[_as_entry(message) for message in call.request.messages],
        variables=call.variables,
        output="" if answer is None else answer.text,
        input_tokens=None if answer is None else answer.input_tokens,
        output_tokens=None if answer is None else answer.output_tokens,
        cost_usd=None if answer is None else call.find_cost(answer),
        error=error,
        prompt_name="" if prompt is None else prompt.name,
        prompt_number=None if prompt is None else prompt.number,
        version_id=None if prompt is None else prompt.version_id,
        metadata=_describe(answer),
    )


def _as_entry(message: Message) -> Mapping[str, Any]:
    """Return a message as records have it: images and files by name, in its text."""
    return {
        "role": message.role,
        "content": message.content,
        "tool_calls": list(message.tool_calls),
        "tool_call_id": message.tool_call_id,
    }


def _describe(answer: Answer | None) -> Mapping[str, object]:
    if answer is None or not answer.finish_reason:
        return {}
    return {"finish_reason": answer.finish_reason}


def _read_trace_id(traceparent: str) -> str:
    match = TRACEPARENT.fullmatch(traceparent.strip().lower())
    return "" if match is None else match[1]
