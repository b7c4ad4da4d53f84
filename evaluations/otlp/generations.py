"""From spans to records: which spans are calls of models, and what their attributes are called.

Sources of the names: OpenTelemetry's semantic conventions for generative AI (gen_ai.*), Langfuse's
attributes (langfuse.*), OpenLLMetry (llm.*, gen_ai.prompt.N.*), OpenInference (llm.*, input.value),
Vercel's AI SDK (ai.*), and autoforge.tracing (autoforge.*).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from evaluations.otlp.contents import dump, read_any_json, read_json
from evaluations.otlp.messages import read_messages, read_output
from evaluations.otlp.spans import Span, Value
from evaluations.recorded import NewRecord

__all__ = ["is_generation", "read_generations"]

Names = tuple[str, ...]
NANOSECONDS: Final = 1_000_000_000
OLDEST_SECONDS: Final = 946_684_800  # the year 2000: a clock before it was never set
AHEAD: Final = timedelta(days=1)  # that a sender's clock may be
UNKNOWN_ERROR: Final = "error"

# Attribute → which of its values mark a call of a model. The first that a span has decides: others
# may stand on spans around a call, which hold the same texts again.
MARKS: Final[Mapping[str, frozenset[str]]] = {
    "langfuse.observation.type": frozenset({"generation"}),
    "openinference.span.kind": frozenset({"LLM", "llm"}),
    "ai.operationId": frozenset(
        {
            *("ai.generateText.doGenerate", "ai.streamText.doStream"),
            *("ai.generateObject.doGenerate", "ai.streamObject.doStream"),
        }
    ),
    "traceloop.span.kind": frozenset({"llm"}),
    "gen_ai.operation.name": frozenset({"chat", "text_completion", "generate_content"}),
    "llm.request.type": frozenset({"chat", "completion"}),
}
# What only calls of models have; for senders that write none of the marks.
SIGNS: Final = (
    *("gen_ai.input.messages", "gen_ai.output.messages"),
    *("gen_ai.prompt.0.content", "gen_ai.completion.0.content"),
)
# The first of the names that a span has is taken.
MODEL: Final[Names] = (
    *("langfuse.observation.model.name", "gen_ai.request.model", "gen_ai.response.model"),
    *("llm.model_name", "ai.model.id", "llm.request.model", "llm.response.model"),
)
PROVIDER: Final[Names] = (
    *("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system"),
    *("ai.model.provider", "llm.vendor"),
)
COST: Final[Names] = ("autoforge.cost_usd", "gen_ai.usage.cost", "llm.cost.total")
PROMPT_NAME: Final[Names] = (
    *("langfuse.observation.prompt.name", "gen_ai.prompt.name", "llm.prompt_template.name"),
)
PROMPT_NUMBER: Final[Names] = (
    *("langfuse.observation.prompt.version", "gen_ai.prompt.version"),
    "llm.prompt_template.version",
)
VERCEL_PROMPT: Final = "ai.telemetry.metadata.langfusePrompt"
VARIABLES: Final[Names] = (
    "llm.prompt_template.variables",  # OpenInference's
    *("langfuse.observation.metadata.variables", "ai.telemetry.metadata.variables"),
)
# JSON objects that hold several values, and what these are called there.
USAGE_DETAILS: Final = "langfuse.observation.usage_details"
# Names of attributes, and of members of the usage details.
TOKENS: Final[Mapping[str, tuple[Names, Names]]] = {
    "input": (
        (
            *("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
            *("llm.token_count.prompt", "llm.usage.prompt_tokens"),
            *("ai.usage.inputTokens", "ai.usage.promptTokens"),
        ),
        ("input", "input_tokens", "prompt_tokens", "promptTokens"),
    ),
    "output": (
        (
            *("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
            *("llm.token_count.completion", "llm.usage.completion_tokens"),
            *("ai.usage.outputTokens", "ai.usage.completionTokens"),
        ),
        ("output", "output_tokens", "completion_tokens", "completionTokens"),
    ),
}
COST_DETAILS: Final = "langfuse.observation.cost_details"
PARAMETERS: Final[Names] = ("langfuse.observation.model.parameters", "llm.invocation_parameters")
PARAMETER: Final = "gen_ai.request."
NO_PARAMETERS: Final = frozenset({"model", "messages", "input", "tools", "functions"})
# What goes into the metadata: under its name here, and what stands below a prefix.
METADATA: Final[Mapping[str, Names]] = {
    "trace": ("langfuse.trace.name",),
    "user": ("langfuse.user.id", "user.id", "enduser.id"),
    "session": ("langfuse.session.id", "session.id", "gen_ai.conversation.id"),
    "response_model": ("gen_ai.response.model",),
    "finish_reasons": ("gen_ai.response.finish_reasons", "ai.response.finishReason"),
    "function": ("ai.telemetry.functionId",),
    "run": ("autoforge.run.id",),
    "case": ("autoforge.case",),
    "column": ("autoforge.column",),
    "score": ("autoforge.score",),
}
LANGFUSE_METADATA: Final = "langfuse.observation.metadata."
METADATA_BELOW: Final[Names] = (
    *(LANGFUSE_METADATA, "ai.telemetry.metadata."),
    *("traceloop.association.properties.", "metadata."),
)
SERVICE: Final[Mapping[str, Names]] = {
    "service": ("service.name",),
    "environment": ("deployment.environment.name", "deployment.environment"),
}
READ_ELSEWHERE: Final = frozenset({*VARIABLES, VERCEL_PROMPT})
MOST_DETAILS: Final = 50  # entries of the metadata, and of the parameters
LONGEST_DETAIL: Final = 300  # characters of one of them
LONGEST_NUMBER: Final = 20  # digits of a version
LARGEST_COST: Final = 10**12  # US dollars; also refuses what is infinite, or not a number


def is_generation(span: Span) -> bool:
    """Whether a span is one call of a model, and no tool, agent, chain or embedding."""
    for name, values in MARKS.items():
        mark = span.attributes.get(name)
        if isinstance(mark, str) and mark:
            return mark in values
    if any(name in span.attributes for name in SIGNS):
        return True
    return any(event.name == "gen_ai.choice" for event in span.events)


def read_generations(spans: Iterable[Span], *, now: datetime) -> list[NewRecord]:
    """Return a record for each span that is a call of a model, in their order.

    Args:
        spans: of a request.
        now: for calls whose clock was never set, or is more than a day ahead.
    """
    records = []
    for span in spans:
        if is_generation(span):
            records.append(_read(span, now))
    return records


def _read(span: Span, now: datetime) -> NewRecord:
    asked_at = _as_moment(span.start_ns, now)
    prompt_name, prompt_number = _read_prompt(span.attributes)
    tokens = _read_tokens(span.attributes)
    return NewRecord(
        source="trace",
        trace_id=span.trace_id,
        span_id=span.span_id,
        name=span.name,
        provider=_find_text(span.attributes, PROVIDER),
        model=_find_text(span.attributes, MODEL),
        asked_at=asked_at,
        answered_at=max(asked_at, _as_moment(span.end_ns, asked_at)),
        parameters=_read_parameters(span.attributes),
        messages=read_messages(span),
        variables=_read_object(_find(span.attributes, VARIABLES)),
        output=read_output(span),
        input_tokens=tokens["input"],
        output_tokens=tokens["output"],
        cost_usd=_read_cost(span.attributes),
        error=_read_error(span),
        prompt_name=prompt_name,
        prompt_number=prompt_number,
        metadata=_read_metadata(span),
    )


def _as_moment(nanoseconds: int, otherwise: datetime) -> datetime:
    """Return a moment; `otherwise` for one that cannot be."""
    seconds = nanoseconds / NANOSECONDS
    latest = (otherwise + AHEAD).timestamp()
    if not OLDEST_SECONDS <= seconds <= latest:
        return otherwise
    return datetime.fromtimestamp(seconds, UTC)


def _read_tokens(attributes: Mapping[str, Value]) -> dict[str, int | None]:
    details = _read_object(attributes.get(USAGE_DETAILS))
    tokens = {}
    for name, (names, names_of_details) in TOKENS.items():
        count = _find_count(attributes, names)
        tokens[name] = _find_count(details, names_of_details) if count is None else count
    return tokens


def _read_prompt(attributes: Mapping[str, Value]) -> tuple[str, int | None]:
    name = _find_text(attributes, PROMPT_NAME)
    if name:
        return name, _find_count(attributes, PROMPT_NUMBER)
    prompt = _read_object(attributes.get(VERCEL_PROMPT))
    return _find_text(prompt, ("name",)), _find_count(prompt, ("version",))


def _read_parameters(attributes: Mapping[str, Value]) -> dict[str, Value]:
    parameters: dict[str, Value] = {}
    for name in PARAMETERS:
        parameters |= _read_object(attributes.get(name))
    for name, value in attributes.items():
        if name.startswith(PARAMETER):
            parameters.setdefault(name.removeprefix(PARAMETER), value)
    small: dict[str, Value] = {}
    for name, value in list(parameters.items())[:MOST_DETAILS]:
        if name not in NO_PARAMETERS and len(dump(value)) <= LONGEST_DETAIL:
            small[name] = value
    return small


def _read_cost(attributes: Mapping[str, Value]) -> Decimal | None:
    cost = _find(attributes, COST)
    if cost is None:
        details = _read_object(attributes.get(COST_DETAILS))
        cost = details.get("total")
        if cost is None:
            return _add_costs(details.values())
    return _as_decimal(cost)


def _add_costs(values: Iterable[Value]) -> Decimal | None:
    """Return the sum of what is a number; None where nothing is."""
    costs = [cost for cost in map(_as_decimal, values) if cost is not None]
    return sum(costs, Decimal(0)) if costs else None


def _as_decimal(value: Value) -> Decimal | None:
    """Return a number that can be calculated with; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # An integer of JSON may have thousands of digits, and a float be infinite.
    if not -LARGEST_COST < value < LARGEST_COST:
        return None
    return Decimal(str(value))


def _read_error(span: Span) -> str:
    """Return why a call failed; empty: it did not."""
    is_error = span.is_error or span.attributes.get("langfuse.observation.level") == "ERROR"
    if not is_error:
        return ""
    names = ("langfuse.observation.status_message", "exception.message", "error.message")
    messages = [span.message, _find_text(span.attributes, names)]
    for event in span.events:
        if event.name == "exception":
            messages.append(_find_text(event.attributes, ("exception.message", "exception.type")))
    messages += [_find_text(span.attributes, ("error.type",)), UNKNOWN_ERROR]
    return next(filter(None, messages))


def _read_metadata(span: Span) -> dict[str, Value]:
    metadata: dict[str, Value] = {}
    for name, sources in METADATA.items():
        metadata[name] = _find(span.attributes, sources)
    for name, sources in SERVICE.items():
        metadata[name] = _find(span.resource, sources)
    metadata |= _read_object(span.attributes.get("metadata"))
    for name, value in span.attributes.items():
        for prefix in METADATA_BELOW:
            if name.startswith(prefix) and name not in READ_ELSEWHERE:
                # Langfuse's SDK writes each of its values as JSON, texts too.
                read = read_any_json(value) if prefix == LANGFUSE_METADATA else value
                metadata.setdefault(name.removeprefix(prefix), read)
    small: dict[str, Value] = {}
    for name, value in metadata.items():
        if value not in (None, "") and len(small) < MOST_DETAILS:
            small[name[:LONGEST_DETAIL]] = _shorten(value)
    return small


def _shorten(value: Value) -> Value:
    text = value if isinstance(value, str) else dump(value)
    if len(text) > LONGEST_DETAIL:
        return f"{text[:LONGEST_DETAIL]}…"
    return value


# --- Values ---------------------------------------------------------------------------------------


def _find(values: Mapping[str, Value], names: Names) -> Value:
    for name in names:
        if values.get(name) not in (None, ""):
            return values[name]
    return None


def _find_text(values: Mapping[str, Value], names: Names) -> str:
    value = _find(values, names)
    if isinstance(value, str):
        return value
    return "" if value is None else dump(value)


def _find_count(values: Mapping[str, Value], names: Names) -> int | None:
    """Return a whole number, which may be written as 3.0 or as a text."""
    value = _find(values, names)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value) if len(value) <= LONGEST_NUMBER else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _read_object(value: Value) -> dict[str, Value]:
    read = read_json(value)
    return read if isinstance(read, dict) else {}
