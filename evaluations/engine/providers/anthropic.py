"""Anthropic's messages."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from evaluations.engine.errors import BrokenAnswerError, SetupError
from evaluations.engine.providers.contract import Abilities, Environment, Limits, ProviderSpec
from evaluations.engine.providers.http import Client
from evaluations.engine.providers.keys import address, key_for
from evaluations.engine.providers.replies import count_of, object_of, reason_of, text_of
from evaluations.engine.types import Answer, Request, Vector

__all__ = ["AnthropicProvider", "make_anthropic"]

USUAL: Final = "https://api.anthropic.com"
VERSION: Final = "2023-06-01"
MAX_TOKENS: Final = 1024  # the API asks for a number; this where nothing is said
REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
STRUCTURED: Final = "answer"  # the tool by which a schema is kept


class AnthropicProvider:
    """Asks Anthropic's messages API."""

    abilities = Abilities(supports_schema=True, costs_money=True)

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
        found, milliseconds = await self._client.post("/v1/messages", _body(request))
        return self._answer(found, milliseconds, structured=request.response_schema is not None)

    def _answer(self, found: Mapping[str, Any], milliseconds: int, *, structured: bool) -> Answer:
        blocks = found.get("content")
        if not isinstance(blocks, list) or not all(isinstance(one, dict) for one in blocks):
            raise BrokenAnswerError("the answer of Anthropic has no content")
        calls = [block for block in blocks if block.get("type") == "tool_use"]
        text = "".join(text_of(one.get("text")) for one in blocks if one.get("type") == "text")
        if structured and calls:
            text = json.dumps(calls[0].get("input"), ensure_ascii=False)
        elif calls and not text:
            text = json.dumps(calls, ensure_ascii=False)
        usage = object_of(found.get("usage"))
        reason = reason_of(found.get("stop_reason"))
        return Answer(
            text=text,
            data=None if structured or not calls else calls,
            latency_ms=milliseconds,
            input_tokens=count_of(usage.get("input_tokens")),
            output_tokens=count_of(usage.get("output_tokens")),
            finish_reason=REASONS.get(reason or "", reason),
            refused=reason == "refusal",
        )

    async def embed(self, texts: Sequence[str]) -> list[Vector]:  # noqa: ARG002 (the contract's)
        """Refuse.

        Raises:
            SetupError: always; Anthropic has no embeddings.
        """
        raise SetupError("Anthropic has no embeddings: choose another provider for them")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _body(request: Request) -> dict[str, Any]:
    system = [one.content for one in request.messages if one.role == "system"]
    others = [one for one in request.messages if one.role != "system"]
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": MAX_TOKENS,
        "messages": [{"role": one.role, "content": one.content} for one in others],
        **request.parameters,
    }
    if system:
        body["system"] = "\n\n".join(system)
    if request.response_schema is not None:
        tool = {"name": STRUCTURED, "input_schema": dict(request.response_schema)}
        body |= {"tools": [tool], "tool_choice": {"type": "tool", "name": STRUCTURED}}
    return body


def make_anthropic(spec: ProviderSpec, environment: Environment) -> AnthropicProvider:
    """Return Anthropic's provider.

    Raises:
        SetupError: the key is missing, or would go elsewhere.
    """
    if not spec.model:
        raise SetupError("anthropic needs a model, such as anthropic:claude-sonnet-4-5")
    url = address(spec.base_url, environment, "ANTHROPIC_BASE_URL", USUAL)
    trusted = (USUAL, environment.get("ANTHROPIC_BASE_URL", ""))
    key = key_for(url, environment, "ANTHROPIC_API_KEY", trusted)
    if not key:
        if environment.get("ANTHROPIC_API_KEY"):
            raise SetupError(
                "ANTHROPIC_API_KEY is not sent to another address than its own: set "
                "ANTHROPIC_BASE_URL to allow that one"
            )
        raise SetupError("ANTHROPIC_API_KEY is not set: put the key into the environment")
    limits = spec.limits or Limits(concurrency=4)
    client = Client(
        name="Anthropic",
        base_url=url,
        headers={"x-api-key": key, "anthropic-version": VERSION},
        secrets=(key,),
        timeout_seconds=limits.timeout_seconds,
    )
    return AnthropicProvider(spec, client, limits)
