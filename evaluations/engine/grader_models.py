"""Models that scorers ask: judges and embeddings, each at its own pace, counted and paid."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Final, TypeVar

from evaluations.engine.costs import find_answer_cost
from evaluations.engine.errors import (
    AuthenticationError,
    EngineError,
    RefusedError,
    ScoringError,
    SetupError,
)
from evaluations.engine.providers import (
    Price,
    Provider,
    ProviderSpec,
    RateLimiter,
    calculate_cost,
    find_price,
    with_retries,
)
from evaluations.engine.tokens import CHARACTERS_PER_TOKEN, estimate_tokens
from evaluations.engine.types import Answer, Request, Vector

__all__ = ["ModelServices", "UsageMeter"]

REPLY_TOKENS: Final = 256
DETERMINISTIC: Final[Mapping[str, object]] = {"temperature": 0}
# How services refuse a parameter, some of them within a 200 or as if there were no such model.
OF_THE_REQUEST: Final = (200, 400, 404, 422)
SCHEMA, OBJECT, PLAIN = "schema", "object", "plain"

ResultT = TypeVar("ResultT")
Sleep = Callable[[float], Awaitable[object]]


@dataclass(kw_only=True, slots=True)
class _Model:
    spec: ProviderSpec
    provider: Provider
    price: Price | None
    slots: asyncio.Semaphore
    pace: RateLimiter
    form: int = 0
    """Which of `forms` the service takes; those before it were refused in this run."""
    defaults: Mapping[str, object] = field(default_factory=lambda: DETERMINISTIC)
    """Parameters that nobody set; none after the service has refused them."""

    @property
    def forms(self) -> list[str]:
        """How a judge may be asked for JSON, the strictest first."""
        forms = []
        if self.provider.abilities.supports_schema:
            forms.append(SCHEMA)
        if self.provider.abilities.supports_json:
            forms.append(OBJECT)
        return [*forms, PLAIN]


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

    def _find_model(self, need: str, name: str) -> _Model:
        name = name or self._names[need]
        if not name:
            raise ScoringError("run.no-grader", need=need)
        if name not in self._models:
            spec = self._find(name)
            provider = self._make(spec)
            self._models[name] = _Model(
                spec=spec,
                provider=provider,
                price=find_price(spec),
                slots=asyncio.Semaphore(provider.limits.concurrency),
                pace=RateLimiter(provider.limits, sleep=self.sleep),
            )
        return self._models[name]

    async def judge(self, request: Request, *, provider: str) -> Answer:
        """Ask a judge; the answer's cost is set where its price is known.

        Raises:
            ProviderError: it did not answer.
            ScoringError: there is none.
        """
        model = self._find_model("judge", provider)
        form, defaults = model.form, model.defaults
        while True:
            shaped = _shape(request, model, form, defaults)
            try:
                tokens = estimate_tokens(request.messages) + REPLY_TOKENS
                answer = await self._ask(model, tokens, partial(model.provider.complete, shaped))
            except RefusedError as error:
                if type(error) is not RefusedError or error.status not in OF_THE_REQUEST:
                    raise  # the key, the length, the content: no other form would be taken
                if defaults and "temperature" in str(error):
                    defaults = {}  # services name the parameter in their message alone
                elif form + 1 < len(model.forms):
                    form += 1
                else:
                    raise
                continue
            # It stays so for the run: what was refused once is refused always. Another call may
            # have come further meanwhile.
            model.form, model.defaults = max(form, model.form), defaults
            break
        if answer.cost_usd is not None:
            return answer
        return replace(answer, cost_usd=find_answer_cost(model.price, request.messages, answer))

    async def embed(
        self, texts: Sequence[str], *, provider: str
    ) -> tuple[list[Vector], Decimal | None]:
        """Return a vector for each text, and about what they cost.

        Raises:
            ProviderError: none came.
            ScoringError: there is no model for them.
        """
        model = self._find_model("embeddings", provider)
        if not model.provider.abilities.supports_embeddings:
            raise SetupError("provider.no-embeddings", name=model.spec.name)
        tokens = sum(map(len, texts)) // CHARACTERS_PER_TOKEN + 1
        vectors = await self._ask(model, tokens, partial(model.provider.embed, texts))
        return vectors, calculate_cost(model.price, tokens, 0)

    async def _ask(
        self, model: _Model, tokens: int, call: Callable[[], Awaitable[ResultT]]
    ) -> ResultT:
        async with model.slots:
            await model.pace.wait(tokens)
            result, _attempts = await with_retries(call, model.provider.limits, sleep=self.sleep)
            return result

    async def close(self) -> None:
        """Close all connections."""
        for model in self._models.values():
            with contextlib.suppress(EngineError, OSError):
                await model.provider.close()


def _shape(request: Request, model: _Model, form: int, defaults: Mapping[str, object]) -> Request:
    """Return a request as a judge takes it."""
    parameters = model.spec.parameters
    if "top_p" not in parameters:
        # OpenAI advises against temperature beside it, and newer Claudes refuse the two together.
        parameters = {**defaults, **parameters}
    name = model.forms[form]
    return replace(
        request,
        model=model.spec.model,
        parameters=parameters,
        response_schema=request.response_schema if name == SCHEMA else None,
        as_json=name == OBJECT,
    )


class UsageMeter:
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
        with self._note_setup_error():
            answer = await self._services.judge(request, provider=provider)
        self._pay(answer.cost_usd)
        return answer

    async def embed(self, texts: Sequence[str], *, provider: str) -> list[Vector]:
        """Return a vector for each text.

        Raises:
            EngineError: none came, or there is no model for them.
        """
        self.calls += 1
        with self._note_setup_error():
            vectors, cost = await self._services.embed(texts, provider=provider)
        self._pay(cost)
        return vectors

    def _pay(self, cost: Decimal | None) -> None:
        if cost is not None:
            self.cost_usd = (self.cost_usd or Decimal(0)) + cost

    @contextlib.contextmanager
    def _note_setup_error(self) -> Iterator[None]:
        try:
            yield
        except (SetupError, AuthenticationError) as error:
            self.setup_error = str(error)
            raise
