"""What a provider is: something that answers requests."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

from evaluations.engine.types import Answer, Delta, Request, Vector

__all__ = [
    "ADDRESSES",
    "MOST_AT_A_TIME",
    "Capabilities",
    "Environment",
    "Kind",
    "Limits",
    "MakeProvider",
    "Price",
    "PriceTier",
    "Provider",
    "ProviderSpec",
    "Rates",
    "Streaming",
]


MOST_AT_A_TIME: Final = 1024  # calls of one model; each is a connection and a task


class Kind(StrEnum):
    """The kinds of providers that are ours; a spec's is a string, since packages add others."""

    ANTHROPIC = "anthropic"
    AZURE = "azure"
    COHERE = "cohere"
    ECHO = "echo"
    """It answers with the prompt."""
    GOOGLE = "google"
    HUGGING_FACE_TEXT = "huggingface-text"
    """A model that continues a text; chats are a row of `services`."""
    LOCAL = "local"
    """A small model on this machine."""
    LOCAL_EMBEDDINGS = "local-embeddings"
    OPENAI = "openai"
    OPENAI_COMPATIBLE = "openai-compatible"
    """Any service that speaks OpenAI's protocol."""
    HTTP = "http"
    """Any service over HTTP, as a configuration describes it; its model is the address."""
    VERTEX = "vertex"
    WEBHOOK = "webhook"
    """An address that is sent the prompt; its model."""
    REPLAY = "replay"
    """Recorded answers, from a file."""
    UNAVAILABLE = "unavailable"
    """What a configuration names and nobody here can ask; its model is the id as it is written."""


ADDRESSES: Final[Mapping[str, str]] = {
    Kind.OPENAI: "OPENAI_BASE_URL",
    Kind.ANTHROPIC: "ANTHROPIC_BASE_URL",
    Kind.OPENAI_COMPATIBLE: "OPENAI_COMPATIBLE_BASE_URL",
}
"""The variable with a service's address, by the kind of its provider."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a provider can do; looked at in one place, the runner."""

    supports_seed: bool = False
    """The same seed gives the same answer, as far as the service promises it."""
    supports_schema: bool = False
    """It can be told to answer with JSON that matches a schema."""
    supports_json: bool = False
    """It can be told to answer with some JSON object."""
    supports_embeddings: bool = False
    """It has `embed`."""
    supports_logprobs: bool = False
    """It reports the tokens' probabilities."""
    supports_images: bool = False
    """It is sent images; without, a prompt that has one is refused before it is asked."""
    supports_files: bool = False
    """It is sent files; without, as above."""
    uses_variables: bool = False
    """It fills its request with the case's variables, which then make it another one."""
    costs_money: bool = False
    """A call without a known price cannot be held under a cap."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How hard a provider may be asked."""

    concurrency: int = 4
    """Calls at a time, from 1 to MOST_AT_A_TIME."""
    requests_per_minute: int | None = None
    """None: no limit."""
    tokens_per_minute: int | None = None
    """Estimated tokens of prompts and answers; None: no limit."""
    timeout_seconds: float = 60.0
    """For one request, from its start to the last byte."""
    retries: int = 4
    """How often a request is sent again, where that is safe."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """US dollars for a million tokens of each kind."""

    input_usd_per_million: Decimal
    """Tokens of prompts."""
    output_usd_per_million: Decimal
    """Tokens of answers."""
    cache_read_usd_per_million: Decimal | None = None
    """Tokens of prompts that came from the service's cache; None: as other tokens of prompts."""
    cache_write_usd_per_million: Decimal | None = None
    """Tokens that were written to it; None: as other tokens of prompts."""
    cache_write_1h_usd_per_million: Decimal | None = None
    """The same for an hour; None: as what is written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceTier(Rates):
    """What a call costs whose prompt is long."""

    above_input_tokens: int
    """A prompt of more tokens than these; all of its tokens have these rates."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Price(Rates):
    """What a model costs."""

    tiers: tuple[PriceTier, ...] = ()
    """Other prices of long prompts, the shortest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderSpec:
    """What to ask, as a person chose it. It contains no key."""

    kind: str
    """A `Kind`, or the kind of a package's provider."""
    model: str = ""
    """Name of the model at the provider."""
    label: str = ""
    """What people call it; empty: kind:model."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """Such as temperature; goes into every request."""
    base_url: str = ""
    """Another address than the kind's own."""
    limits: Limits | None = None
    """None: the kind's own."""
    price: Price | None = None
    """None: the known one of the model."""
    prompts: tuple[str, ...] = ()
    """Labels of the prompts that go to it; empty: all."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """What the client needs to know besides, such as the name of its key's variable; no key, and
    nothing that is sent as it stands."""
    defaults: tuple[str, ...] = ()
    """Names of parameters that nobody set and that promptfoo sends; a report says so."""
    problem: str = ""
    """Why it cannot be asked, one sentence, with which each of its cases is an error; empty: it
    can."""

    @property
    def name(self) -> str:
        """What it is shown as."""
        return self.label or (f"{self.kind}:{self.model}" if self.model else self.kind)


class Provider(Protocol):
    """Answers requests. One instance serves one run, in one event loop."""

    abilities: Capabilities
    limits: Limits

    async def complete(self, request: Request) -> Answer:
        """Send one request, once.

        Raises:
            ProviderError: the most specific kind; `may_retry` says whether to send it again.
        """

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return a vector for each text, where `supports_embeddings`.

        Raises:
            ProviderError: as above.
        """

    async def close(self) -> None:
        """Let go of connections and processes."""


@runtime_checkable
class Streaming(Protocol):
    """What a provider has besides that can give an answer while it comes."""

    def stream(self, request: Request) -> AsyncGenerator[Delta | Answer]:
        """Yield the pieces of an answer, and at last the whole of it.

        Raises:
            ProviderError: as `complete`; once the first piece came it is not to be asked again.
        """


Environment = Mapping[str, str]
"""Keys and addresses by the names of their variables; never stored."""

MakeProvider = Callable[[ProviderSpec, Environment], Provider]
