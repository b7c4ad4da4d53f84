"""Gemini: `generateContent` of the Gemini API (google:) and of Vertex AI with an API key (vertex:).

https://ai.google.dev/api/generate-content and
https://cloud.google.com/vertex-ai/generative-ai/docs/start/express-mode/overview
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from core.json import JSONObject
from evaluations.engine.errors import (
    BrokenAnswerError,
    ContentFilterError,
    RefusedError,
    SetupError,
)
from evaluations.engine.providers.addresses import make_policy
from evaluations.engine.providers.base import Capabilities, Environment, Kind, Limits, ProviderSpec
from evaluations.engine.providers.http import Client
from evaluations.engine.providers.json_service import JSONService
from evaluations.engine.providers.keys import address, find_key, with_headers
from evaluations.engine.providers.parts import check_parts
from evaluations.engine.providers.replies import (
    extract_text,
    normalise_reason,
    read_count,
    read_object,
    read_objects,
)
from evaluations.engine.types import Answer, CacheTokens, Message, Part, Request

__all__ = ["make_google"]

ADDRESSES: Final = {
    Kind.GOOGLE: "https://generativelanguage.googleapis.com/v1beta/models",
    Kind.VERTEX: "https://aiplatform.googleapis.com/v1/publishers/google/models",
}
KEYS: Final = {
    Kind.GOOGLE: ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    Kind.VERTEX: ("VERTEX_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY"),
}
INSTRUCTIONS: Final = ("system", "developer")
# Settings that stand beside `contents`; by the name that they have there.
BESIDE: Final = {
    "safetySettings": "safetySettings",
    "tools": "tools",
    "toolConfig": "toolConfig",
    "cachedContent": "cachedContent",
    "service_tier": "service_tier",
}
# Names of other services, and what they are called here.
RENAMED: Final = {
    "max_tokens": "maxOutputTokens",
    "top_p": "topP",
    "top_k": "topK",
    "stop": "stopSequences",
}
GENERATION: Final = frozenset(
    {
        *("temperature", "topP", "topK", "stopSequences", "maxOutputTokens", "seed"),
        *("responseMimeType", "candidateCount", "presencePenalty", "frequencyPenalty"),
        *("responseLogprobs", "logprobs", "thinkingConfig"),
    }
)
REFUSING: Final = frozenset(
    {
        *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"),
    }
)


def _build_body(request: Request) -> JSONObject:
    instructions = [message for message in request.messages if message.role in INSTRUCTIONS]
    spoken = [message for message in request.messages if message.role not in INSTRUCTIONS]
    if not spoken:
        spoken, instructions = instructions, []
    settings = request.parameters
    body: JSONObject = {"contents": list(map(_content, spoken))}
    generation = _generation(settings)
    if request.response_schema is not None:
        generation |= {
            "responseMimeType": "application/json",
            "responseJsonSchema": dict(request.response_schema),
        }
    elif request.as_json:
        generation["responseMimeType"] = "application/json"
    body["generationConfig"] = generation
    for name, own in BESIDE.items():
        if settings.get(name):
            body[own] = settings[name]
    instruction = _instruction(settings.get("systemInstruction"), instructions)
    if instruction:
        body["system_instruction"] = {"parts": instruction}
    return body


def _instruction(own: object, messages: Sequence[Message]) -> list[JSONObject]:
    """Return the parts of the instruction: those of the settings, then those of the prompt."""
    parts: list[JSONObject] = []
    if isinstance(own, str):
        parts.append({"text": own})
    elif isinstance(own, Mapping):
        parts += [dict(part) for part in read_objects(own.get("parts"))]
    return parts + [{"text": message.content} for message in messages]


def _generation(settings: Mapping[str, object]) -> dict[str, object]:
    generation: dict[str, object] = {}
    for name, value in settings.items():
        own = RENAMED.get(name, name)
        if own in GENERATION:
            generation[own] = value
    generation |= read_object(settings.get("generationConfig"))
    schema = settings.get("responseSchema")
    if schema:
        generation |= {"response_schema": schema, "response_mime_type": "application/json"}
    return generation


def _content(message: Message) -> JSONObject:
    role = "model" if message.role == "assistant" else "user"
    if message.given is not None and isinstance(message.given.get("content"), list):
        check_parts(Capabilities(), [message])  # of OpenAI's or Anthropic's form: nothing is lost
    if not message.parts:
        return {"role": role, "parts": [{"text": message.content}]}
    return {"role": role, "parts": list(map(_part, message.parts))}


def _part(part: Part) -> JSONObject:
    if part.type == "text":
        return {"text": part.text}
    head, _comma, data = part.url.partition(",")
    if not head.lower().startswith("data:"):
        raise RefusedError("google.address")
    kind = head[len("data:") :].partition(";")[0]
    return {"inlineData": {"mimeType": kind, "data": data}}


def _read_answer(reply: Mapping[str, object], milliseconds: int) -> Answer:
    candidates = read_objects(reply.get("candidates"))
    feedback = read_object(reply.get("promptFeedback"))
    if not candidates:
        if feedback.get("blockReason"):
            raise ContentFilterError("google.blocked", reason=feedback["blockReason"])
        raise BrokenAnswerError("google.no-candidate")
    candidate = candidates[0]
    parts = read_objects(read_object(candidate.get("content")).get("parts"))
    calls = [dict(part) for part in parts if "functionCall" in part]
    spoken = [extract_text(part.get("text")) for part in parts if not part.get("thought")]
    text = "".join(spoken)
    if calls:
        # As promptfoo has it: all parts, or the only one.
        kept = [dict(part) for part in parts if not part.get("thought")]
        text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    reason = extract_text(candidate.get("finishReason"))
    finish, own = normalise_reason(reason)
    if reason in REFUSING:
        finish, own = "content_filter", reason
    elif calls and finish == "stop":
        finish = "tool_calls"
    usage = read_object(reply.get("usageMetadata"))
    thoughts = read_count(usage.get("thoughtsTokenCount"))
    output = read_count(usage.get("candidatesTokenCount"))
    cached = read_count(usage.get("cachedContentTokenCount"))
    return Answer(
        text=text,
        data=calls or None,
        latency_ms=milliseconds,
        input_tokens=read_count(usage.get("promptTokenCount")),
        output_tokens=None if output is None else output + (thoughts or 0),
        cache=CacheTokens(read=cached) if cached else None,
        reasoning_tokens=thoughts,
        finish_reason=finish,
        service_reason=own,
        refused=finish == "content_filter",
        flagged=_is_flagged(candidate, feedback),
    )


def _is_flagged(candidate: Mapping[str, object], feedback: Mapping[str, object]) -> bool | None:
    """Return whether a safety rating is more than negligible, None where there is none."""
    ratings = [
        *read_objects(candidate.get("safetyRatings")),
        *read_objects(feedback.get("safetyRatings")),
    ]
    if not ratings:
        return None
    return any(rating.get("probability") != "NEGLIGIBLE" for rating in ratings)


def make_google(spec: ProviderSpec, environment: Environment) -> JSONService:
    """Return a provider of a Gemini model.

    Raises:
        SetupError: its key is missing, or would go elsewhere.
    """
    if not spec.model:
        raise SetupError("service.no-model", kind=spec.kind)
    kind = Kind(spec.kind)
    usual = ADDRESSES[kind]
    url = address(_with_path(spec, kind), environment, "", usual)
    names = KEYS[kind]
    name = next((name for name in names if environment.get(name)), names[0])
    key = find_key(spec, url, environment, name, (usual,))
    if not key and not spec.base_url:
        raise SetupError("openai.no-key", key=names[0])
    limits = Limits(concurrency=4, timeout_seconds=120)
    client = Client(
        name="Google" if kind == Kind.GOOGLE else "Vertex AI",
        base_url=url,
        headers=with_headers(spec, {"x-goog-api-key": key} if key else {}),
        secrets=(key,),
        timeout_seconds=(spec.limits or limits).timeout_seconds,
        policy=make_policy(environment),
    )
    abilities = Capabilities(
        supports_schema=True,
        supports_json=True,
        supports_images=True,
        supports_files=True,
        costs_money=True,
    )
    return JSONService(
        spec,
        client,
        path=f"/{spec.model}:generateContent",
        build=_build_body,
        read=_read_answer,
        abilities=abilities,
        limits=limits,
    )


def _with_path(spec: ProviderSpec, kind: Kind) -> str:
    """Return an address of a configuration with the path that models stand below."""
    version = str(spec.settings.get("api_version") or "v1beta")
    base = spec.base_url.rstrip("/")
    if kind != Kind.GOOGLE or not (base or spec.settings.get("api_version")):
        return base
    return f"{base or 'https://generativelanguage.googleapis.com'}/{version}/models"
