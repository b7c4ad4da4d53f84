"""OpenAI's chat completions and embeddings, and everything that speaks the same (compatible)."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Final
from urllib.parse import urlsplit

from core.language import gettext as _
from evaluations.engine.errors import BrokenAnswerError, SetupError
from evaluations.engine.numbers import finite, stringify
from evaluations.engine.providers.addresses import Policy, make_policy
from evaluations.engine.providers.base import Capabilities, Environment, Limits, ProviderSpec
from evaluations.engine.providers.failures import find_embedded, find_embedded_error
from evaluations.engine.providers.families import fit_parameters
from evaluations.engine.providers.http import Client
from evaluations.engine.providers.keys import address, find_key, key_for, with_headers
from evaluations.engine.providers.parts import check_addresses, check_parts, message_for_openai
from evaluations.engine.providers.replies import (
    extract_text,
    normalise_reason,
    order_vectors,
    read_count,
    read_object,
    read_objects,
)
from evaluations.engine.providers.services import SERVICES
from evaluations.engine.providers.streams import StreamedAnswer, as_delta
from evaluations.engine.types import Answer, CacheTokens, Delta, Request, Vector

__all__ = ["ABILITIES", "OpenAIProvider", "make_compatible", "make_openai", "make_service"]

CHAT: Final = "/chat/completions"
USUAL: Final = "https://api.openai.com/v1"
ABILITIES: Final = Capabilities(
    supports_seed=True,
    supports_schema=True,
    supports_json=True,
    supports_embeddings=True,
    supports_logprobs=True,
    supports_images=True,
    supports_files=True,
    costs_money=True,
)
"""What OpenAI's own models can do, wherever they are asked."""
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
        reply, milliseconds = await self._client.post(CHAT, self._build_body(request))
        return self._read_answer(reply, milliseconds)

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Answer]:
        """Yield the pieces of an answer, and at last the whole of it.

        Raises:
            ProviderError: the most specific kind.
        """
        options = {"stream": True, "stream_options": {"include_usage": True}}
        body = self._build_body(request) | options
        started = time.perf_counter()
        collected = StreamedAnswer(self._client.name)
        async with aclosing(self._client.stream(CHAT, body)) as events:
            async for event in events:
                for delta in collected.add(event):
                    yield delta
        milliseconds = round((time.perf_counter() - started) * 1000)
        answer = self._read_answer(collected.build_reply(), milliseconds)
        if collected.whole is not None:
            yield as_delta(answer)
        yield answer

    def _build_body(self, request: Request) -> dict[str, object]:
        check_parts(self.abilities, request.messages)
        check_addresses(self._client.policy, request.messages)
        body: dict[str, object] = {
            "model": request.model,
            "messages": list(map(message_for_openai, request.messages)),
            **fit_parameters(self.spec.kind, request.model, request.parameters),
        }
        if request.response_schema is not None:
            # Without `strict` a schema is only advice. Services that do not know it refuse the
            # request, and the judge asks in another form.
            # https://platform.openai.com/docs/guides/structured-outputs
            schema = {"name": "answer", "strict": True, "schema": dict(request.response_schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif request.as_json:
            # OpenAI refuses it unless the messages say JSON; those of judges do.
            body["response_format"] = {"type": "json_object"}
        return body

    def _read_answer(self, reply: Mapping[str, object], milliseconds: int) -> Answer:
        choice, message = self._find_choice(reply)
        content, calls = message.get("content"), message.get("tool_calls")
        if not isinstance(content, str | list | None) or not isinstance(calls, list | None):
            raise BrokenAnswerError("openai.not-text", name=self._client.name)
        refusal = extract_text(message.get("refusal")) or _join_parts(content, "refusal")
        reason, own_reason = normalise_reason(choice.get("finish_reason"))
        text = _read_text(content, calls) or refusal
        # Where an answer has both, assertions see the whole message, as in promptfoo.
        evaluated = stringify(message) if content and calls and not refusal else None
        broken_off = self._explain_break(choice, reason, text)
        usage = read_object(reply.get("usage"))
        # Ollama's own API counts tokens beside the message, not in `usage`.
        output_tokens = read_count(usage.get("completion_tokens", reply.get("eval_count")))
        return Answer(
            text=text,
            data=calls or None,
            latency_ms=milliseconds,
            input_tokens=read_count(usage.get("prompt_tokens", reply.get("prompt_eval_count"))),
            output_tokens=output_tokens,
            cache=_read_cache(usage),
            reasoning_tokens=_read_reasoning_tokens(usage, message, text, output_tokens),
            finish_reason=reason,
            service_reason=own_reason,
            broken_off=broken_off,
            refused=bool(refusal),
            flagged=True if reason == "content_filter" else _read_flag(reply, choice),
            logprobs=_read_logprobs(read_object(choice.get("logprobs")).get("content")),
            evaluated=evaluated,
        )

    def _find_choice(
        self, reply: Mapping[str, object]
    ) -> tuple[Mapping[str, object], Mapping[str, object]]:
        """Return an answer's choice and its message, of the shapes that there are.

        Raises:
            BrokenAnswerError: it has none.
        """
        choices = reply.get("choices")
        if choices == []:
            raise BrokenAnswerError("openai.no-choices", name=self._client.name)
        message = reply.get("message")
        if isinstance(message, dict) and not isinstance(choices, list):
            # Ollama's own API: https://docs.ollama.com/api/chat
            return {"finish_reason": reply.get("done_reason")}, message
        choice = choices[0] if isinstance(choices, list) else None
        if isinstance(choice, dict):
            message = choice.get("message")
            if isinstance(message, dict):
                return choice, message
            if message is None and isinstance(choice.get("text"), str):
                # The API of completions before there were chats, which proxies still answer with.
                return choice, {"content": choice["text"]}
        raise BrokenAnswerError("openai.no-message", name=self._client.name)

    def _explain_break(self, choice: Mapping[str, object], reason: str | None, text: str) -> str:
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
            vectors = order_vectors(reply.get("data"))
        except ValueError:
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


def _read_text(content: str | list[object] | None, calls: list[object] | None) -> str:
    if isinstance(content, list):
        # As Mistral's reasoning models answer: thoughts and refusals are parts of other kinds.
        return _join_parts(content, "text")
    if not content and calls:
        return stringify(calls)
    return content or ""


def _join_parts(content: object, key: str) -> str:
    """Return the texts under a key of a message's parts, "" where it has no such parts."""
    return "".join(extract_text(part.get(key)) for part in read_objects(content))


def _read_flag(reply: Mapping[str, object], choice: Mapping[str, object]) -> bool | None:
    """Return whether Azure's filters found something, None where there are none.

    They look at the answer (`content_filter_results`) and at the prompt (`prompt_filter_results`):
    https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
    """
    categories: list[object] = []
    for part in (choice, *read_objects(reply.get("prompt_filter_results"))):
        categories += read_object(part.get("content_filter_results")).values()
    if not categories:
        return None
    return any(read_object(category).get("filtered") is True for category in categories)


def _read_cache(usage: Mapping[str, object]) -> CacheTokens | None:
    """Return which tokens of the prompt came from a cache or went into one.

    OpenAI and OpenRouter count them in `prompt_tokens_details`, DeepSeek beside the others.
    """
    details = read_object(usage.get("prompt_tokens_details"))
    read = read_count(details.get("cached_tokens", usage.get("prompt_cache_hit_tokens"))) or 0
    written = read_count(details.get("cache_write_tokens")) or 0
    return CacheTokens(read=read, written=written) if read or written else None


def _read_reasoning_tokens(
    usage: Mapping[str, object], message: Mapping[str, object], text: str, output_tokens: int | None
) -> int | None:
    details = read_object(usage.get("completion_tokens_details"))
    counted = read_count(details.get("reasoning_tokens"))
    if counted is not None:
        return counted
    # DeepSeek and vLLM have `reasoning_content`, OpenRouter and Ollama `reasoning`.
    names = ("reasoning_content", "reasoning")
    reasoning = any(extract_text(message.get(name)) for name in names)
    # Not counted apart: where there is no other text, all tokens were reasoning.
    return output_tokens if reasoning and not text else None


def _read_logprobs(entries: object) -> tuple[float, ...] | None:
    """Return the tokens' logarithms; None where one of them is missing: a part means nothing."""
    if not isinstance(entries, list):
        return None
    numbers = [finite(read_object(entry).get("logprob")) for entry in entries]
    logprobs = tuple(number for number in numbers if number is not None)
    if not logprobs or len(logprobs) < len(numbers):
        return None
    return logprobs


def make_service(spec: ProviderSpec, environment: Environment) -> OpenAIProvider:
    """Return a provider of a service in the table (`services`).

    Raises:
        SetupError: it has no model, its key is missing, or would go elsewhere.
    """
    service = SERVICES[spec.kind]
    if not spec.model:
        raise SetupError("service.no-model", kind=spec.kind)
    url = address(spec.base_url, environment, service.address, service.url)
    trusted = (service.url, environment.get(service.address, ""))
    key = find_key(spec, url, environment, service.key, trusted)
    # Another address may be a gateway of one's own, which asks for no key.
    if not key and service.needs_key and not spec.base_url:
        raise SetupError("openai.no-key", key=service.key)
    abilities = Capabilities(
        supports_seed=True,
        supports_schema=service.schema,
        supports_json=True,
        supports_embeddings=service.embeddings,
        supports_logprobs=True,
        supports_images=True,
        supports_files=True,
        costs_money=bool(service.key),
    )
    limits = Limits(concurrency=4, timeout_seconds=120)
    client = _make_client(service.title, url, key, spec, limits, make_policy(environment))
    return OpenAIProvider(spec, client, abilities=abilities, limits=limits)


def _make_client(
    name: str, url: str, key: str, spec: ProviderSpec, limits: Limits, policy: Policy
) -> Client:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if key and (urlsplit(url).hostname or "").endswith(AZURE):
        headers["api-key"] = key  # what Azure calls the same
    return Client(
        name=name,
        base_url=url,
        headers=with_headers(spec, headers),
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
    key = find_key(spec, url, environment, "OPENAI_API_KEY", trusted)
    # At an address of its own it may be another service, which asks for no key.
    if not key and not spec.base_url:
        raise SetupError("openai.no-key", key="OPENAI_API_KEY")
    limits = Limits(concurrency=8)
    policy = make_policy(environment)
    client = _make_client("OpenAI", url, key, spec, limits, policy)
    return OpenAIProvider(spec, client, abilities=ABILITIES, limits=limits)


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
        supports_seed=True,
        supports_schema=True,
        supports_json=True,
        supports_embeddings=True,
        supports_images=True,
        supports_files=True,
    )
    # A model on one's own hardware may first have to be loaded, and answers slowly.
    limits = Limits(concurrency=4, timeout_seconds=300)
    policy = make_policy(environment)
    client = _make_client(spec.name, url, key, spec, limits, policy)
    return OpenAIProvider(spec, client, abilities=abilities, limits=limits)
