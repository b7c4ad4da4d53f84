"""A call of a model as somebody tells of it, and what of that is kept: storable, bounded, no keys.

Whoever knows of calls (the gateway, the intake of traces) builds `NewRecord`s;
`evaluations.services.records` writes them.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from core.json import JSONObject, dump
from evaluations.engine.providers.keys import hide_secrets, hide_secrets_in_text

__all__ = ["KeptRecord", "NewRecord", "keep"]

# With these limits a row stays below 5,000,000 bytes, which is what libSQL takes, even where every
# character needs 6 bytes in JSON.
MOST_OF_TEXTS: Final = 200_000
"""Characters of messages and output together."""
MOST_OF_OUTPUT: Final = MOST_OF_TEXTS // 2
MOST_OF_VARIABLES: Final = 200_000
"""Characters of the variables as JSON."""
MOST_OF_DETAILS: Final = 20_000
"""Characters of parameters, and of metadata, as JSON."""
MOST_OF_ERROR: Final = 5_000
MOST_SEARCHED: Final = 4 * MOST_OF_ERROR
"""Characters of an error in which secrets are looked for: one may begin before the cut."""
MOST_OF_LINE: Final = 255
MOST_OF_PROVIDER: Final = 100
DEEPEST: Final = 50
"""Levels of a JSON document; SQLite's functions read 1,000."""
MOST_BITS: Final = 64
"""Of a whole number in JSON; a larger one is kept as a text."""
MOST_TOKENS: Final = 2**31 - 1
MOST_USD: Final = Decimal(10) ** 8 - 1
"""The column has 8 digits before the point: nothing may be rounded up to a ninth."""
MESSAGE_EXTRAS: Final = ("name", "tool_calls", "tool_call_id")
TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
SPAN_ID: Final = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRecord:
    """One call of a model; any text and any JSON is taken, and what is too long is cut."""

    source: str
    """A value of `CallRecord.Source`: "gateway" or "trace"."""
    trace_id: str = ""
    """32 hexadecimal digits, or empty. Together with `span_id` it is kept once."""
    span_id: str = ""
    """16 hexadecimal digits, or empty."""
    name: str = ""
    """What the program calls this step."""
    provider: str = ""
    """Such as openai."""
    model: str
    """Its name at the provider."""
    asked_at: datetime
    """Without a time zone it is UTC."""
    answered_at: datetime
    """As above."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """Such as temperature."""
    messages: Sequence[Mapping[str, object]] = ()
    """Each with `role` and `content`; `name`, `tool_calls` and `tool_call_id` are kept too."""
    variables: Mapping[str, object] = field(default_factory=dict)
    """What filled the prompt, where that is known."""
    output: str = ""
    """The answer, or what of it has come."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = None
    """None: not known."""
    error: str = ""
    """Why there is no whole answer."""
    prompt_name: str = ""
    """As it was told; it need not be here."""
    prompt_number: int | None = None
    """Of the version, as it was told."""
    version_id: UUID | None = None
    """Key of the version here, where it is known; else it is looked for by name and number."""
    metadata: Mapping[str, object] = field(default_factory=dict)
    """Anything else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptRecord:
    """What of a call is kept."""

    record: NewRecord
    """Its texts are storable, its documents plain JSON, all of it within the limits."""
    is_cut: bool
    """Whether something was too long or too deep."""


class _TooDeepError(Exception):
    """A document has more levels than are kept."""


def keep(record: NewRecord) -> KeptRecord:
    """Return a call as it is stored.

    NUL and halves of surrogate pairs become the replacement character; values that are no JSON
    become texts; what looks like a key becomes asterisks, but in what people wrote.
    """
    name, name_cut = _keep_line(record.name)
    provider, provider_cut = _keep_line(record.provider, MOST_OF_PROVIDER)
    model, model_cut = _keep_line(record.model)
    prompt_name, prompt_cut = _keep_line(record.prompt_name)
    output = _storable(record.output)
    texts_cut = len(output) > MOST_OF_OUTPUT
    output = output[:MOST_OF_OUTPUT]
    messages, messages_cut = _keep_messages(record.messages, MOST_OF_TEXTS - len(output))
    variables, variables_cut = _keep_document(record.variables, MOST_OF_VARIABLES)
    parameters, parameters_cut = _keep_document(record.parameters, MOST_OF_DETAILS)
    metadata, metadata_cut = _keep_document(record.metadata, MOST_OF_DETAILS)
    error = _storable(hide_secrets_in_text(record.error[:MOST_SEARCHED]))
    cuts = (
        *(name_cut, provider_cut, model_cut, prompt_cut),
        *(texts_cut, messages_cut, variables_cut, parameters_cut, metadata_cut),
        len(record.error) > MOST_SEARCHED or len(error) > MOST_OF_ERROR,
    )
    kept = replace(
        record,
        name=name,
        provider=provider,
        model=model,
        prompt_name=prompt_name,
        trace_id=_keep_id(record.trace_id, TRACE_ID),
        span_id=_keep_id(record.span_id, SPAN_ID),
        asked_at=_as_utc(record.asked_at),
        answered_at=_as_utc(record.answered_at),
        parameters=hide_secrets(parameters),
        messages=messages,
        variables=variables,
        output=output,
        input_tokens=_keep_count(record.input_tokens),
        output_tokens=_keep_count(record.output_tokens),
        cost_usd=_keep_cost(record.cost_usd),
        error=error[:MOST_OF_ERROR],
        prompt_number=_keep_count(record.prompt_number),
        metadata=hide_secrets(metadata),
    )
    return KeptRecord(record=kept, is_cut=any(cuts))


def _keep_line(text: str, limit: int = MOST_OF_LINE) -> tuple[str, bool]:
    text = _storable(text)
    return text[:limit], len(text) > limit


def _keep_messages(
    messages: Sequence[Mapping[str, object]], room: int
) -> tuple[list[JSONObject], bool]:
    """Return what of the messages has room; the last are kept first: they are what was asked."""
    kept: list[JSONObject] = []
    is_cut = False
    for message in reversed(messages):
        if room <= 0:
            is_cut = True
            break
        entry, entry_cut = _keep_message(message, room)
        kept.append(entry)
        is_cut = is_cut or entry_cut
        room -= len(dump(entry))
    kept.reverse()
    return kept, is_cut


def _keep_message(message: Mapping[str, object], room: int) -> tuple[JSONObject, bool]:
    content = message.get("content")
    if content is None:
        content = ""
    is_cut = False
    if not isinstance(content, str):
        try:
            content = dump(_plain(content))
        except _TooDeepError:
            content, is_cut = "", True
    content = _storable(content)
    entry: JSONObject = {
        "role": _storable(str(message.get("role") or ""))[:MOST_OF_LINE],
        "content": content[:room],
    }
    extras = {name: message[name] for name in MESSAGE_EXTRAS if message.get(name)}
    plain, extras_cut = _keep_document(extras, room - len(content))
    entry |= plain
    return entry, is_cut or extras_cut or len(content) > room


def _keep_document(value: Mapping[str, object], limit: int) -> tuple[JSONObject, bool]:
    """Return a document as plain JSON; one that is too long or too deep is left out whole."""
    if not value:
        return {}, False
    try:
        plain = _plain(value)
    except _TooDeepError:
        return {}, True
    if len(dump(plain)) > limit:
        return {}, True
    return plain, False


def _plain(value: object, depth: int = 0) -> Any:
    """Return a value as JSON has it; what JSON does not know becomes a text, NaN null.

    Raises:
        _TooDeepError: it has too many levels.
    """
    if depth > DEEPEST:
        raise _TooDeepError
    if isinstance(value, Mapping):
        return {_storable(str(name)): _plain(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, depth + 1) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _plain_number(value)
    return _storable(value if isinstance(value, str) else str(value))


def _plain_number(value: float) -> float | str | None:
    if not isinstance(value, int):
        return value if math.isfinite(value) else None
    # Python refuses to write more than 4300 digits as decimals.
    return value if value.bit_length() < MOST_BITS else hex(value)


def _storable(text: str) -> str:
    """Return a text that every database gives back as it was stored."""
    if text.isascii() and "\0" not in text:
        return text
    # Both halves of a pair become their character, a lone half the replacement character.
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "\ufffd")


def _keep_id(text: str, form: re.Pattern[str]) -> str:
    small = text.lower()
    return small if form.fullmatch(small) else ""


def _keep_count(value: int | None) -> int | None:
    if value is None or not 0 <= value <= MOST_TOKENS:
        return None
    return value


def _keep_cost(value: Decimal | None) -> Decimal | None:
    if value is None or not value.is_finite() or not 0 <= value <= MOST_USD:
        return None
    return value


def _as_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
