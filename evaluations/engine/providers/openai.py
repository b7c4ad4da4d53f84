"""OpenAI's chat completions and embeddings, and everything that speaks the same (compatible)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from core.language import gettext as _
from evaluations.engine.errors import BrokenAnswerError, SetupError
from evaluations.engine.numbers import finite
from evaluations.engine.providers.addresses import Policy, make_policy
from evaluations.engine.providers.base import Capabilities, Environment, Limits, ProviderSpec
from evaluations.engine.providers.failures import find_embedded, find_embedded_error
from evaluations.engine.providers.families import fit_parameters
from evaluations.engine.providers.http import Client
from evaluations.engine.providers.keys import address, key_for
from evaluations.engine.providers.replies import (
    extract_text,
    normalise_reason,
    order_vectors,
    read_count,
    read_object,
)
from evaluations.engine.types import Answer, CacheTokens, Request, Vector

__all__ = ["OpenAIProvider", "make_compatible", "make_openai"]

USUAL: Final = "https://api.openai.com/v1"
AZURE: Final = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")


class OpenAIProvider:
    """Asks a service that speaks OpenAI's API."""

    def __init__(
        self, spec: ProviderSpec, client: Client, *, abilities: Capabilities, limits: Limits
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
            **fit_parameters(self.spec.kind, request.model, request.parameters),
        }
        if request.response_schema is not None:
            schema = {"name": "answer", "strict": True, "schema": dict(request.response_schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif request.as_json:
            body["response_format"] = {"type": "json_object"}
        reply, milliseconds = await self._client.post("/chat/completions", body)
        return self._answer(reply, milliseconds)

    def _answer(self, reply: Mapping[str, Any], milliseconds: int) -> Answer:
        choice, message = self._choice(reply)
        content, calls = message.get("content"), message.get("tool_calls")
        if not isinstance(content, str | list | None) or not isinstance(calls, list | None):
            raise BrokenAnswerError("openai.not-text", name=self._client.name)
        refusal = extract_text(message.get("refusal")) or _refusal(content)
        reason, own_reason = normalise_reason(choice.get("finish_reason"))
        text = _text(content, calls) or refusal
        broken_off = self._broken_off(choice, reason, text)
        usage = read_object(reply.get("usage"))
        output_tokens = read_count(usage.get("completion_tokens", reply.get("eval_count")))
        return Answer(
            text=text,
            data=calls or None,
            latency_ms=milliseconds,
            input_tokens=read_count(usage.get("prompt_tokens", reply.get("prompt_eval_count"))),
            output_tokens=output_tokens,
            cache=_cache(usage),
            reasoning_tokens=_reasoning_tokens(usage, message, text, output_tokens),
            finish_reason=reason,
            service_reason=own_reason,
            broken_off=broken_off,
            refused=bool(refusal),
            flagged=True if reason == "content_filter" else _flagged(reply, choice),
            logprobs=_logprobs(read_object(choice.get("logprobs")).get("content")),
        )

    def _choice(self, reply: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return an answer's choice and its message, of the shapes that there are.

        Raises:
            BrokenAnswerError: it has none.
        """
        choices = reply.get("choices")
        if choices == []:
            raise BrokenAnswerError("openai.no-choices", name=self._client.name)
        choice = choices[0] if isinstance(choices, list) else None
        if choice is None and isinstance(reply.get("message"), dict):
            # Ollama's own shape.
            choice = {"message": reply["message"], "finish_reason": reply.get("done_reason")}
        if isinstance(choice, dict):
            message = choice.get("message")
            if isinstance(message, dict):
                return choice, message
            if message is None and isinstance(choice.get("text"), str):
                # The shape of completions before there were chats.
                return choice, {"content": choice["text"]}
        raise BrokenAnswerError("openai.no-message", name=self._client.name)

    def _broken_off(self, choice: Mapping[str, Any], reason: str | None, text: str) -> str:
        """Return what went wrong while the service answered, "" where nothing did.

        Raises:
            ProviderError: it went wrong before there was any text: as if the status said so.
        """
        embedded = find_embedded(choice)
        if embedded is None:
            return f"{self._client.name} broke off its answer" if reason == "error" else ""
        error = find_embedded_error(self._client.name, embedded, {})
        if not text:
            raise error
        return f"{self._client.name} broke off its answer: {embedded.message}"

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return a vector for each text.

        Raises:
            ProviderError: the most specific kind.
        """
        body = {"model": self.spec.model, "input": list(texts)}
        reply, _headers = await self._client.post("/embeddings", body)
        try:
            vectors = order_vectors(reply["data"])
        except (KeyError, TypeError, ValueError):
            raise BrokenAnswerError("openai.no-vectors", name=self._client.name) from None
        if len(vectors) != len(texts):
            counts = _("%(vectors)s embeddings for %(texts)s texts") % {
                "vectors": len(vectors),
                "texts": len(texts),
            }
            raise BrokenAnswerError(
                "openai.embeddings-count", name=self._client.name, counts=counts
            )
        return vectors

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _text(content: str | list[Any] | None, calls: list[Any] | None) -> str:
    if isinstance(content, list):
        # Reasoning and refusals are parts of other kinds.
        texts = [extract_text(part.get("text")) for part in content if isinstance(part, dict)]
        return "".join(texts)
    return content or (json.dumps(calls, ensure_ascii=False) if calls else "")


def _refusal(content: object) -> str:
    """Return the refusal among the parts of a message, "" where there is none."""
    parts = content if isinstance(content, list) else []
    texts = [extract_text(part.get("refusal")) for part in parts if isinstance(part, dict)]
    return "".join(texts)


def _flagged(reply: Mapping[str, Any], choice: Mapping[str, Any]) -> bool | None:
    """Return whether Azure's filters found something, None where there are none.

    They look at the answer (`content_filter_results`) and at the prompt (`prompt_filter_results`).
    """
    prompts = reply.get("prompt_filter_results")
    holders = [choice, *map(read_object, prompts if isinstance(prompts, list) else [])]
    results = [
        read_object(result)
        for holder in holders
        for result in read_object(holder.get("content_filter_results")).values()
    ]
    if not results:
        return None
    return any(result.get("filtered") is True for result in results)


def _cache(usage: Mapping[str, Any]) -> CacheTokens | None:
    """Return which tokens of the prompt came from a cache or went into one.

    OpenAI and OpenRouter count them in `prompt_tokens_details`, DeepSeek beside the others.
    """
    details = read_object(usage.get("prompt_tokens_details"))
    read = read_count(details.get("cached_tokens", usage.get("prompt_cache_hit_tokens"))) or 0
    written = read_count(details.get("cache_write_tokens")) or 0
    return CacheTokens(read=read, written=written) if read or written else None


def _reasoning_tokens(
    usage: Mapping[str, Any], message: Mapping[str, Any], text: str, output_tokens: int | None
) -> int | None:
    details = read_object(usage.get("completion_tokens_details"))
    counted = read_count(details.get("reasoning_tokens"))
    if counted is not None:
        return counted
    reasoning = extract_text(message.get("reasoning_content")) or extract_text(
        message.get("reasoning")
    )
    # Not counted apart: where there is no other text, all tokens were reasoning.
    return output_tokens if reasoning and not text else None


def _logprobs(entries: object) -> tuple[float, ...] | None:
    """Return the tokens' logarithms; None where one of them is missing: a part means nothing."""
    if not isinstance(entries, list):
        return None
    numbers = [finite(read_object(entry).get("logprob")) for entry in entries]
    found = tuple(one for one in numbers if one is not None)
    return found if found and len(found) == len(numbers) else None


def _client(
    name: str, url: str, key: str, spec: ProviderSpec, limits: Limits, policy: Policy
) -> Client:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if key and (urlsplit(url).hostname or "").endswith(AZURE):
        headers["api-key"] = key  # what Azure calls the same
    return Client(
        name=name,
        base_url=url,
        headers=headers,
        secrets=(key,),
        timeout_seconds=(spec.limits or limits).timeout_seconds,
        policy=policy,
    )


def make_openai(spec: ProviderSpec, environment: Environment) -> OpenAIProvider:
    """Return OpenAI's provider.

    Raises:
        SetupError: the key is missing, or would go elsewhere.
    """
    if not spec.model:
        raise SetupError("openai.no-model")
    url = address(spec.base_url, environment, "OPENAI_BASE_URL", USUAL)
    trusted = (USUAL, environment.get("OPENAI_BASE_URL", ""))
    key = key_for(url, environment, "OPENAI_API_KEY", trusted)
    if not key:
        raise _no_key("OPENAI_API_KEY", environment, "OPENAI_BASE_URL")
    abilities = Capabilities(
        supports_seed=True,
        supports_schema=True,
        supports_json=True,
        supports_embeddings=True,
        supports_logprobs=True,
        costs_money=True,
    )
    limits = Limits(concurrency=8)
    policy = make_policy(environment)
    client = _client("OpenAI", url, key, spec, limits, policy)
    return OpenAIProvider(spec, client, abilities=abilities, limits=limits)


def _no_key(key: str, environment: Environment, base: str) -> SetupError:
    if environment.get(key):
        return SetupError("openai.key-elsewhere", key=key, base=base)
    return SetupError("openai.no-key", key=key)


def make_compatible(spec: ProviderSpec, environment: Environment) -> OpenAIProvider:
    """Return a provider for Ollama, vLLM, llama.cpp and others that speak OpenAI's API.

    Raises:
        SetupError: it has no model or no address, or may not be asked there.
    """
    if not spec.model:
        raise SetupError("openai.no-compatible-model")
    variable = "OPENAI_COMPATIBLE_BASE_URL"
    url = address(spec.base_url, environment, variable, "")
    trusted = (environment.get(variable, ""),)
    key = key_for(url, environment, "OPENAI_COMPATIBLE_API_KEY", trusted)
    abilities = Capabilities(
        supports_seed=True, supports_schema=True, supports_json=True, supports_embeddings=True
    )
    limits = Limits(concurrency=4, timeout_seconds=300)
    policy = make_policy(environment)
    client = _client(spec.name, url, key, spec, limits, policy)
    return OpenAIProvider(spec, client, abilities=abilities, limits=limits)
