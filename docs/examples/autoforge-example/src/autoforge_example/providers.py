"""reverse: answers with what it was asked, backwards; for trying suites without a model."""

import time
from collections.abc import Sequence
from typing import Final

from evaluations.engine.errors import SetupError
from evaluations.engine.providers import Capabilities, Environment, Limits, ProviderSpec
from evaluations.engine.types import Answer, Request, Vector

__all__ = ["ReverseProvider", "make_reverse"]

MODELS: Final = ("", "text", "words")


class ReverseProvider:
    """Answers with the last message of the user, backwards."""

    abilities = Capabilities(supports_seed=True)  # the same question has the same answer

    def __init__(self, spec: ProviderSpec) -> None:
        self._by_words = spec.model == "words"
        self.limits = spec.limits or Limits(retries=0)

    async def complete(self, request: Request) -> Answer:
        """Return the answer to one request."""
        started = time.perf_counter()
        text = request.messages[-1].content
        answer = " ".join(reversed(text.split())) if self._by_words else text[::-1]
        latency_ms = round((time.perf_counter() - started) * 1000)
        return Answer(text=answer, latency_ms=latency_ms, finish_reason="stop")

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Refuse: its abilities do not name embeddings.

        Raises:
            SetupError: always.
        """
        raise SetupError(f"reverse has no embeddings, and {len(texts)} were asked for")

    async def close(self) -> None:
        """Let go of nothing: it holds no connection."""


def make_reverse(spec: ProviderSpec, environment: Environment) -> ReverseProvider:
    """Return the provider of a spec.

    Raises:
        SetupError: it has no such model.
    """
    if spec.model not in MODELS:
        raise SetupError(f"reverse has the models text and words, not {spec.model}")
    return ReverseProvider(spec)
