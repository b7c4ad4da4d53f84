"""Models that scorers ask: judges and embeddings, each at its own pace, counted and paid."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, TypeVar

from evaluations.engine.errors import (
    AuthenticationError,
    EngineError,
    ScoringError,
    SetupError,
)
from evaluations.engine.providers import (
    Pace,
    Price,
    Provider,
    ProviderSpec,
    cost_of,
    price_of,
    with_retries,
)
from evaluations.engine.tokens import CHARACTERS_PER_TOKEN, tokens_of
from evaluations.engine.types import Answer, Request, Vector

__all__ = ["ModelServices", "Tally"]

REPLY_TOKENS: Final = 256
DETERMINISTIC: Final = {"temperature": 0}

ResultT = TypeVar("ResultT")
Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Model:
    spec: ProviderSpec
    provider: Provider
    price: Price | None
    slots: asyncio.Semaphore
    pace: Pace


class ModelServices:
    """The judges and embeddings of one run.

    Args:
        judge: what is asked where an assertion names no judge; "" for none.
        embeddings: the same for embeddings.
        find: returns the spec of a name.
        make: returns a provider, ready to be asked.
    """

    def __init__(
        self,
        *,
        judge: str = "",
        embeddings: str = "",
        find: Callable[[str], ProviderSpec],
        make: Callable[[ProviderSpec], Provider],
    ) -> None:
        self._names = {"judge": judge, "embeddings": embeddings}
        self._find = find
        self._make = make
        self._models: dict[str, _Model] = {}
        self.sleep: Sleep = asyncio.sleep
        """Waits so many seconds; the run's own, which ends with it."""

    def _model(self, need: str, name: str) -> _Model:
        name = name or self._names[need]
        if not name:
            raise ScoringError(f"this run has no model for: {need}")
        if name not in self._models:
            spec = self._find(name)
            provider = self._make(spec)
            self._models[name] = _Model(
                spec=spec,
                provider=provider,
                price=price_of(spec),
                slots=asyncio.Semaphore(provider.limits.concurrency),
                pace=Pace(provider.limits, sleep=self.sleep),
            )
        return self._models[name]

    async def judge(self, request: Request, *, provider: str) -> Answer:
        """Ask a judge; the answer's cost is set where its price is known.

        Raises:
            ProviderError: it did not answer.
            ScoringError: there is none.
        """
        model = self._model("judge", provider)
        schema = request.response_schema if model.provider.abilities.supports_schema else None
        request = replace(
            request,
            model=model.spec.model,
            parameters=DETERMINISTIC | dict(model.spec.parameters),
            response_schema=schema,
        )
        sent = tokens_of(request.messages)
        answer = await self._asked(
            model, sent + REPLY_TOKENS, lambda: model.provider.complete(request)
        )
        if answer.cost_usd is not None:
            return answer
        cost = cost_of(model.price, answer.input_tokens, answer.output_tokens)
        return replace(answer, cost_usd=cost)

    async def embed(
        self, texts: Sequence[str], *, provider: str
    ) -> tuple[list[Vector], Decimal | None]:
        """Return a vector for each text, and about what they cost.

        Raises:
            ProviderError: none came.
            ScoringError: there is no model for them.
        """
        model = self._model("embeddings", provider)
        if not model.provider.abilities.supports_embeddings:
            raise SetupError(f"{model.spec.name} has no embeddings")
        tokens = sum(map(len, texts)) // CHARACTERS_PER_TOKEN + 1
        vectors = await self._asked(model, tokens, lambda: model.provider.embed(texts))
        return vectors, cost_of(model.price, tokens, 0)

    async def _asked(
        self, model: _Model, tokens: int, call: Callable[[], Awaitable[ResultT]]
    ) -> ResultT:
        async with model.slots:
            await model.pace.wait(tokens)
            found, _ = await with_retries(call, model.provider.limits, sleep=self.sleep)
            return found

    async def close(self) -> None:
        """Close all connections."""
        for model in self._models.values():
            with contextlib.suppress(EngineError, OSError):
                await model.provider.close()


class Tally:
    """What the scoring of one answer asks of the services: counted, and held together."""

    def __init__(self, services: ModelServices) -> None:
        self._services = services
        self.calls = 0
        self.cost_usd: Decimal | None = None
        self.setup_error = ""
        """Why no other call would fare better; "" as long as none says so."""

    async def judge(self, request: Request, *, provider: str) -> Answer:
        """Ask the judge.

        Raises:
            EngineError: it did not answer, or there is none.
        """
        self.calls += 1
        with self._noted():
            answer = await self._services.judge(request, provider=provider)
        self._pay(answer.cost_usd)
        return answer

    async def embed(self, texts: Sequence[str], *, provider: str) -> list[Vector]:
        """Return a vector for each text.

        Raises:
            EngineError: none came, or there is no model for them.
        """
        self.calls += 1
        with self._noted():
            vectors, cost = await self._services.embed(texts, provider=provider)
        self._pay(cost)
        return vectors

    def _pay(self, cost: Decimal | None) -> None:
        if cost is not None:
            self.cost_usd = (self.cost_usd or Decimal(0)) + cost

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except (SetupError, AuthenticationError) as error:
            self.setup_error = str(error)
            raise
