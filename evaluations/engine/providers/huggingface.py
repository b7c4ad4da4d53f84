"""Hugging Face's text generation: the inference API, or an endpoint of one's own.

https://huggingface.co/docs/inference-providers/tasks/text-generation. Chats are OpenAI's protocol
(`services`). The API answers with a list; an endpoint may answer with the one object.
"""

import json
from collections.abc import Sequence
from typing import Final

from evaluations.engine.errors import BrokenAnswerError, SetupError
from evaluations.engine.providers.addresses import make_policy
from evaluations.engine.providers.base import Capabilities, Environment, Limits, ProviderSpec
from evaluations.engine.providers.endpoint import write_json, write_prompt
from evaluations.engine.providers.failures import find_status_error
from evaluations.engine.providers.http import Client
from evaluations.engine.providers.keys import address, find_key, with_headers
from evaluations.engine.providers.replies import read_object
from evaluations.engine.types import Answer, Request, Vector

__all__ = ["HuggingFaceProvider", "make_huggingface"]

USUAL: Final = "https://router.huggingface.co/hf-inference"
KEYS: Final = ("HF_TOKEN", "HF_API_TOKEN")
NOT_FOUND: Final = 400  # and above: no answer
SENT: Final = frozenset(
    {
        *("top_k", "top_p", "temperature", "repetition_penalty", "max_new_tokens", "max_time"),
        *("return_full_text", "num_return_sequences", "do_sample", "use_cache", "wait_for_model"),
    }
)


class HuggingFaceProvider:
    """Asks for the continuation of a text."""

    abilities = Capabilities(costs_money=True)

    def __init__(self, spec: ProviderSpec, client: Client, limits: Limits) -> None:
        self.spec = spec
        self.limits = limits
        self._client = client

    def __repr__(self) -> str:
        return f"HuggingFaceProvider({self.spec.name!r})"

    async def complete(self, request: Request) -> Answer:
        """Send one request, once.

        Raises:
            ProviderError: the most specific kind.
        """
        settings = {name: value for name, value in request.parameters.items() if name in SENT}
        body = {
            "inputs": write_prompt(request.messages),
            "parameters": {"return_full_text": False, **settings},
        }
        headers = {"content-type": "application/json", "accept": "application/json"}
        reply, milliseconds = await self._client.send(
            "POST", self._client.base_url, headers=headers, body=write_json(body).encode()
        )
        if reply.status >= NOT_FOUND:
            raise find_status_error(self._client.name, reply.status, reply.headers, reply.text)
        return Answer(text=self._read(reply.text), latency_ms=milliseconds)

    def _read(self, text: str) -> str:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        first = value[0] if isinstance(value, list) and value else value
        written = read_object(first).get("generated_text")
        if not isinstance(written, str):
            raise BrokenAnswerError("endpoint.no-output", name=self._client.name)
        return written

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Refuse.

        Raises:
            SetupError: always.
        """
        raise SetupError("provider.no-embeddings", name=self.spec.kind)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def make_huggingface(spec: ProviderSpec, environment: Environment) -> HuggingFaceProvider:
    """Return a provider of a model, or of an endpoint of one's own (`apiEndpoint`).

    Raises:
        SetupError: its key would go elsewhere.
    """
    if not spec.model:
        raise SetupError("service.no-model", kind=spec.kind)
    url = address(spec.base_url, environment, "", f"{USUAL}/models/{spec.model}")
    name = next((name for name in KEYS if environment.get(name)), KEYS[0])
    key = find_key(spec, url, environment, name, (USUAL,))
    limits = spec.limits or Limits(concurrency=4, timeout_seconds=120)
    client = Client(
        name="Hugging Face",
        base_url=url,
        headers=with_headers(spec, {"Authorization": f"Bearer {key}"} if key else {}),
        secrets=(key,),
        timeout_seconds=limits.timeout_seconds,
        policy=make_policy(environment),
    )
    return HuggingFaceProvider(spec, client, limits)
