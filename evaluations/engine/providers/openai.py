"""OpenAI's chat completions and embeddings, and everything that speaks the same (compatible)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from evaluations.engine.errors import BrokenAnswerError, SetupError
from evaluations.engine.numbers import finite
from evaluations.engine.providers.contract import Abilities, Environment, Limits, ProviderSpec
from evaluations.engine.providers.http import Client
from evaluations.engine.providers.keys import address, key_for
from evaluations.engine.providers.replies import (
    count_of,
    object_of,
    reason_of,
    text_of,
    vector_of,
)
from evaluations.engine.types import Answer, Request, Vector

__all__ = ["OpenAIProvider", "make_compatible", "make_openai"]

USUAL: Final = "https://api.openai.com/v1"


class OpenAIProvider:
    """Asks a service that speaks OpenAI's API."""

    def __init__(
        self, spec: ProviderSpec, client: Client, *, abilities: Abilities, limits: Limits
    ) -> None:
        self.spec = spec
        self.abilities = abilities
        self.limits = spec.limits or limits
        self._client = client

    def __repr__(self) -> str:
        return f"OpenAIProvider({self.spec.name!r})"

    async def complete(self, request: Request) -> Answer:
        """Send one request, once.

        Raises:
            ProviderError: the most specific kind.
        """
        body: dict[str, Any] = {
            "model": request.model,
            "messages": [
                {"role": message.role, "content": message.content} for message in request.messages
            ],
            **request.parameters,
        }
        if request.response_schema is not None:
            schema = {"name": "answer", "strict": True, "schema": dict(request.response_schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        found, milliseconds = await self._client.post("/chat/completions", body)
        return self._answer(found, milliseconds)

    def _answer(self, found: Mapping[str, Any], milliseconds: int) -> Answer:
        try:
            choice = found["choices"][0]
            message = choice["message"]
            content, calls = message.get("content"), message.get("tool_calls")
        except (KeyError, IndexError, TypeError, AttributeError):
            raise BrokenAnswerError(f"the answer of {self._client.name} has no message") from None
        if not isinstance(content, str | list | None) or not isinstance(calls, list | None):
            raise BrokenAnswerError(f"the message of {self._client.name} is no text")
        usage = object_of(found.get("usage"))
        refusal = message.get("refusal")
        return Answer(
            text=_text(text_of(refusal) if content is None else content, calls),
            data=calls,
            latency_ms=milliseconds,
            input_tokens=count_of(usage.get("prompt_tokens")),
            output_tokens=count_of(usage.get("completion_tokens")),
            finish_reason=reason_of(choice.get("finish_reason")),
            refused=bool(refusal),
            logprobs=_logprobs(object_of(choice.get("logprobs")).get("content")),
        )

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return a vector for each text.

        Raises:
            ProviderError: the most specific kind.
        """
        body = {"model": self.spec.model, "input": list(texts)}
        found, _ = await self._client.post("/embeddings", body)
        try:
            rows = sorted(found["data"], key=lambda row: row["index"])
            vectors: list[Vector] = [vector_of(row["embedding"]) for row in rows]
        except (KeyError, TypeError, ValueError):
            raise BrokenAnswerError(f"{self._client.name} sent no embeddings") from None
        if len(vectors) != len(texts):
            raise BrokenAnswerError(f"{self._client.name} sent too few embeddings")
        return vectors

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _text(content: str | list[Any], calls: list[Any] | None) -> str:
    if isinstance(content, list):
        return "".join(text_of(part.get("text")) for part in content if isinstance(part, dict))
    return content or (json.dumps(calls, ensure_ascii=False) if calls else "")


def _logprobs(entries: object) -> tuple[float, ...] | None:
    """Return the tokens' logarithms; None where one of them is missing: a part means nothing."""
    if not isinstance(entries, list):
        return None
    numbers = [finite(object_of(entry).get("logprob")) for entry in entries]
    found = tuple(one for one in numbers if one is not None)
    return found if found and len(found) == len(numbers) else None


def _client(name: str, url: str, key: str, spec: ProviderSpec, limits: Limits) -> Client:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return Client(
        name=name,
        base_url=url,
        headers=headers,
        secrets=(key,),
        timeout_seconds=(spec.limits or limits).timeout_seconds,
    )


def make_openai(spec: ProviderSpec, environment: Environment) -> OpenAIProvider:
    """Return OpenAI's provider.

    Raises:
        SetupError: the key is missing, or would go elsewhere.
    """
    if not spec.model:
        raise SetupError("openai needs a model, such as openai:gpt-4.1-mini")
    url = address(spec.base_url, environment, "OPENAI_BASE_URL", USUAL)
    trusted = (USUAL, environment.get("OPENAI_BASE_URL", ""))
    key = key_for(url, environment, "OPENAI_API_KEY", trusted)
    if not key:
        raise SetupError(_no_key("OPENAI_API_KEY", environment, "OPENAI_BASE_URL"))
    abilities = Abilities(
        supports_seed=True,
        supports_schema=True,
        supports_embeddings=True,
        supports_logprobs=True,
        costs_money=True,
    )
    limits = Limits(concurrency=8)
    client = _client("OpenAI", url, key, spec, limits)
    return OpenAIProvider(spec, client, abilities=abilities, limits=limits)


def _no_key(key: str, environment: Environment, base: str) -> str:
    if environment.get(key):
        return f"{key} is not sent to another address than its own: set {base} to allow that one"
    return f"{key} is not set: put the key into the environment"


def make_compatible(spec: ProviderSpec, environment: Environment) -> OpenAIProvider:
    """Return a provider for Ollama, vLLM, llama.cpp and others that speak OpenAI's API.

    Raises:
        SetupError: it has no address.
    """
    variable = "OPENAI_COMPATIBLE_BASE_URL"
    url = address(spec.base_url, environment, variable, "")
    trusted = (environment.get(variable, ""),)
    key = key_for(url, environment, "OPENAI_COMPATIBLE_API_KEY", trusted)
    abilities = Abilities(supports_seed=True, supports_schema=True, supports_embeddings=True)
    limits = Limits(concurrency=4, timeout_seconds=300)
    client = _client(spec.name, url, key, spec, limits)
    return OpenAIProvider(spec, client, abilities=abilities, limits=limits)
