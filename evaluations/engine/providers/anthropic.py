"""Anthropic's messages."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Final

from evaluations.engine.errors import BrokenAnswerError, RefusedError, SetupError
from evaluations.engine.numbers import stringify
from evaluations.engine.providers.addresses import make_policy
from evaluations.engine.providers.base import Capabilities, Environment, Kind, Limits, ProviderSpec
from evaluations.engine.providers.families import fit_parameters, thinks
from evaluations.engine.providers.http import Client
from evaluations.engine.providers.keys import address, find_key, with_headers
from evaluations.engine.providers.parts import check_addresses, message_for_anthropic
from evaluations.engine.providers.replies import (
    extract_text,
    normalise_reason,
    read_count,
    read_object,
    read_objects,
)
from evaluations.engine.providers.streams import StreamedMessage, as_delta
from evaluations.engine.types import Answer, CacheTokens, Delta, Message, Request, Vector

__all__ = ["AnthropicProvider", "make_anthropic"]

USUAL: Final = "https://api.anthropic.com"
VERSION: Final = "2023-06-01"  # each request has to name one; this is still the newest
MAX_TOKENS: Final = 1024  # the API requires a number; this where no parameter sets one
SYSTEM_ROLES: Final = ("system", "developer")  # both stand in `system` here
STRUCTURED: Final = "answer"  # the tool whose input is the answer, where a schema is asked for
FORCED: Final = {"type": "tool", "name": STRUCTURED}
THINKING: Final = ("thinking", "redacted_thinking")


class AnthropicProvider:
    """Asks Anthropic's messages API."""

    abilities = Capabilities(
        supports_schema=True, supports_images=True, supports_files=True, costs_money=True
    )

    def __init__(self, spec: ProviderSpec, client: Client, limits: Limits) -> None:
        self.spec = spec
        self.limits = limits
        self._client = client

    def __repr__(self) -> str:
        return f"AnthropicProvider({self.spec.name!r})"

    async def complete(self, request: Request) -> Answer:
        """Send one request, once.

        Raises:
            ProviderError: the most specific kind.
        """
        check_addresses(self._client.policy, request.messages)
        body = _build_body(request)
        reply, milliseconds = await self._client.post("/messages", body)
        return _read_answer(reply, milliseconds, structured=_is_structured(body))

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Answer]:
        """Yield the pieces of an answer, and at last the whole of it.

        Raises:
            ProviderError: the most specific kind.
        """
        check_addresses(self._client.policy, request.messages)
        body = _build_body(request)
        structured = _is_structured(body)
        started = time.perf_counter()
        collected = StreamedMessage(self._client.name, structured=structured)
        async with aclosing(self._client.stream("/messages", body | {"stream": True})) as events:
            async for event in events:
                delta = collected.add(event)
                if delta is not None:
                    yield delta
        milliseconds = round((time.perf_counter() - started) * 1000)
        answer = _read_answer(collected.build_reply(), milliseconds, structured=structured)
        if collected.whole is not None:
            yield as_delta(answer)
        yield answer

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Refuse.

        Raises:
            SetupError: always; Anthropic has no embeddings.
        """
        raise SetupError("anthropic.no-embeddings")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _is_structured(body: Mapping[str, object]) -> bool:
    """Whether the answer is the input of the one tool that a schema became."""
    return body.get("tool_choice") == FORCED


def _read_answer(reply: Mapping[str, object], milliseconds: int, *, structured: bool) -> Answer:
    content = reply.get("content")
    blocks = read_objects(content)
    if not isinstance(content, list) or len(blocks) < len(content):
        raise BrokenAnswerError("anthropic.empty-answer")
    calls = [block for block in blocks if block.get("type") == "tool_use"]
    texts = [extract_text(block.get("text")) for block in blocks if block.get("type") == "text"]
    text = "".join(texts)
    if structured and calls:
        text = stringify(calls[0].get("input"))
    elif calls and not text:
        text = stringify(calls)
    usage = read_object(reply.get("usage"))
    output_tokens = read_count(usage.get("output_tokens"))
    reason, own_reason = normalise_reason(reply.get("stop_reason"))
    cache = _read_cache(usage)
    refused = own_reason == "refusal"
    thought = any(block.get("type") in THINKING for block in blocks)
    return Answer(
        text=text,
        data=None if structured or not calls else calls,
        latency_ms=milliseconds,
        input_tokens=_count_prompt_tokens(usage, cache),
        output_tokens=output_tokens,
        cache=cache,
        # Not counted apart: where there is no other text, all tokens were thinking.
        reasoning_tokens=output_tokens if thought and not text else None,
        finish_reason=reason,
        service_reason=own_reason,
        refused=refused,
        flagged=True if refused else None,
        evaluated=None if structured else _join_blocks(blocks),
    )


def _join_blocks(blocks: Sequence[Mapping[str, object]]) -> str | None:
    """Return what promptfoo makes of several blocks, or of a call: calls are JSON."""
    shown = [block for block in blocks if block.get("type") not in THINKING]
    if len(shown) == 1 and shown[0].get("type") == "text":
        return None
    has_calls = any(block.get("type") == "tool_use" for block in shown)
    pieces = []
    for block in shown:
        is_text = block.get("type") == "text" or not has_calls
        pieces.append(extract_text(block.get("text")) if is_text else stringify(block))
    return "\n\n".join(filter(None, pieces)) if pieces else None


def _read_cache(usage: Mapping[str, object]) -> CacheTokens | None:
    """Return which tokens of the prompt came from the cache or went into it.

    `cache_creation` divides what was written by how long it lives; without it all live five
    minutes: https://platform.claude.com/docs/en/build-with-claude/prompt-caching
    """
    read = read_count(usage.get("cache_read_input_tokens")) or 0
    written = read_count(usage.get("cache_creation_input_tokens")) or 0
    lives = read_object(usage.get("cache_creation"))
    for_an_hour = read_count(lives.get("ephemeral_1h_input_tokens")) or 0
    for_minutes = read_count(lives.get("ephemeral_5m_input_tokens"))
    if for_minutes is None:
        for_minutes = max(0, written - for_an_hour)
    if not (read or for_minutes or for_an_hour):
        return None
    return CacheTokens(read=read, written=for_minutes, written_for_an_hour=for_an_hour)


def _count_prompt_tokens(usage: Mapping[str, object], cache: CacheTokens | None) -> int | None:
    """Return the tokens of the whole prompt; `input_tokens` leaves those of the cache out."""
    rest = read_count(usage.get("input_tokens"))
    if rest is None or cache is None:
        return rest
    return rest + cache.read + cache.written + cache.written_for_an_hour


def _build_body(request: Request) -> dict[str, object]:
    # Instructions are no message here but a parameter of their own, which is a text.
    instructions = [message for message in request.messages if message.role in SYSTEM_ROLES]
    system = _read_system(instructions)
    messages = [message for message in request.messages if message.role not in SYSTEM_ROLES]
    if not messages:
        # A chat of instructions alone: the API asks for a message, so they are the user's.
        texts = "\n\n".join(map(_read_instructions, instructions))
        messages, system = [Message(role="user", content=texts)], ""
    parameters = fit_parameters(Kind.ANTHROPIC, request.model, request.parameters)
    body: dict[str, object] = {
        "model": request.model,
        # The budget of thoughts counts towards it (`families.THINKING_GUIDE`).
        "max_tokens": MAX_TOKENS + _read_budget(parameters),
        "messages": list(map(message_for_anthropic, messages)),
        **parameters,
    }
    if system:
        body["system"] = system
    if request.response_schema is not None and not thinks(parameters):
        # While it thinks no tool may be forced; the judge's words ask for JSON all the same.
        tool = {"name": STRUCTURED, "input_schema": dict(request.response_schema)}
        body |= {"tools": [tool], "tool_choice": FORCED}
    return body


def _read_system(instructions: Sequence[Message]) -> str | list[object]:
    """Return what stands in `system`: a text, or blocks where a prompt of a file has some."""
    if all(message.given is None for message in instructions):
        return "\n\n".join(map(_read_instructions, instructions))
    blocks: list[object] = []
    for message in instructions:
        content = None if message.given is None else message.given.get("content")
        if isinstance(content, list):
            blocks += content
        else:
            blocks.append({"type": "text", "text": _read_instructions(message)})
    return blocks


def _read_instructions(message: Message) -> str:
    """Return the text of a message that is an instruction.

    Raises:
        RefusedError: it has an image or a file.
    """
    if not message.parts:
        return message.content
    if any(part.type != "text" for part in message.parts):
        raise RefusedError("anthropic.system-parts")
    return "\n\n".join(part.text for part in message.parts)


def _read_budget(parameters: Mapping[str, object]) -> int:
    """Return how many tokens of the answer are for thinking."""
    thinking = read_object(parameters.get("thinking"))
    return read_count(thinking.get("budget_tokens")) or 0


def make_anthropic(spec: ProviderSpec, environment: Environment) -> AnthropicProvider:
    """Return Anthropic's provider.

    Raises:
        SetupError: the key is missing, or would go elsewhere.
    """
    if not spec.model:
        raise SetupError("anthropic.no-model")
    url = address(spec.base_url, environment, "ANTHROPIC_BASE_URL", USUAL)
    trusted = (USUAL, environment.get("ANTHROPIC_BASE_URL", ""))
    key = find_key(spec, url, environment, "ANTHROPIC_API_KEY", trusted)
    if not key:
        raise SetupError("anthropic.no-key")
    limits = spec.limits or Limits(concurrency=4)
    client = Client(
        name="Anthropic",
        base_url=url,
        headers=with_headers(spec, {"x-api-key": key, "anthropic-version": VERSION}),
        secrets=(key,),
        timeout_seconds=limits.timeout_seconds,
        policy=make_policy(environment),
        version="/v1",
    )
    return AnthropicProvider(spec, client, limits)
