"""Cohere's chat, the first version of its API, as promptfoo asks it.

https://docs.cohere.com/v1/reference/chat
"""

from collections.abc import Mapping
from typing import Final

from core.json import JSONObject
from evaluations.engine.errors import BrokenAnswerError, SetupError
from evaluations.engine.providers.addresses import make_policy
from evaluations.engine.providers.base import Capabilities, Environment, Limits, ProviderSpec
from evaluations.engine.providers.http import Client
from evaluations.engine.providers.json_service import JSONService
from evaluations.engine.providers.keys import address, find_key, with_headers
from evaluations.engine.providers.replies import normalise_reason, read_count, read_object
from evaluations.engine.types import Answer, Request

__all__ = ["make_cohere"]

USUAL: Final = "https://api.cohere.ai/v1"
KEY: Final = "COHERE_API_KEY"
ROLES: Final = {"assistant": "CHATBOT", "system": "SYSTEM", "developer": "SYSTEM"}
# What promptfoo sends where a configuration sets nothing else.
DEFAULTS: Final[Mapping[str, object]] = {
    "chatHistory": [],
    "connectors": [],
    "prompt_truncation": "OFF",
    "search_queries_only": False,
    "documents": [],
    "temperature": 0.3,
    "k": 0,
    "p": 0.75,
    "frequency_penalty": 0,
    "presence_penalty": 0,
}


def _build_body(request: Request) -> JSONObject:
    *earlier, last = request.messages
    body: JSONObject = {
        "message": last.content,
        **DEFAULTS,
        **request.parameters,
        "model": request.model,
    }
    if earlier:
        body["chat_history"] = [
            {"role": ROLES.get(message.role, "USER"), "message": message.content}
            for message in earlier
        ]
    return body


def _read_answer(reply: Mapping[str, object], milliseconds: int) -> Answer:
    text = reply.get("text")
    if not isinstance(text, str):
        raise BrokenAnswerError("endpoint.no-output", name="Cohere")
    counts = read_object(reply.get("token_count"))
    billed = read_object(read_object(reply.get("meta")).get("billed_units"))
    reason, own = normalise_reason(REASONS.get(str(reply.get("finish_reason") or ""), None))
    return Answer(
        text=text,
        latency_ms=milliseconds,
        input_tokens=read_count(counts.get("prompt_tokens", billed.get("input_tokens"))),
        output_tokens=read_count(counts.get("response_tokens", billed.get("output_tokens"))),
        finish_reason=reason,
        service_reason=own,
    )


REASONS: Final = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "ERROR_LIMIT": "length",
    "ERROR_TOXIC": "content_filter",
    "ERROR": "error",
}


def make_cohere(spec: ProviderSpec, environment: Environment) -> JSONService:
    """Return a provider of a model of Cohere.

    Raises:
        SetupError: its key is missing, or would go elsewhere.
    """
    if not spec.model:
        raise SetupError("service.no-model", kind=spec.kind)
    url = address(spec.base_url, environment, "", USUAL)
    key = find_key(spec, url, environment, KEY, (USUAL, "https://api.cohere.com"))
    if not key and not spec.base_url:
        raise SetupError("openai.no-key", key=KEY)
    limits = Limits(concurrency=4)
    client = Client(
        name="Cohere",
        base_url=url,
        headers=with_headers(spec, {"Authorization": f"Bearer {key}"} if key else {}),
        secrets=(key,),
        timeout_seconds=(spec.limits or limits).timeout_seconds,
        policy=make_policy(environment),
    )
    return JSONService(
        spec,
        client,
        path="/chat",
        build=_build_body,
        read=_read_answer,
        abilities=Capabilities(costs_money=True),
        limits=limits,
    )
