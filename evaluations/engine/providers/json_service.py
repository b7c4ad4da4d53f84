"""A service that is asked by one POST of JSON and answers with one JSON object: what all share.

What is sent and what is read is each provider's own, two functions.
"""

from collections.abc import Callable, Mapping, Sequence

from core.json import JSONObject
from evaluations.engine.errors import SetupError
from evaluations.engine.providers.base import Capabilities, Limits, ProviderSpec
from evaluations.engine.providers.http import Client
from evaluations.engine.providers.parts import check_addresses, check_parts
from evaluations.engine.types import Answer, Request, Vector

__all__ = ["JSONService"]

Build = Callable[[Request], JSONObject]
"""Returns what is sent."""
Read = Callable[[Mapping[str, object], int], Answer]
"""Returns the answer of a reply and its milliseconds; BrokenAnswerError where it has none."""


class JSONService:
    """Asks one service."""

    def __init__(
        self,
        spec: ProviderSpec,
        client: Client,
        *,
        path: str,
        build: Build,
        read: Read,
        abilities: Capabilities,
        limits: Limits,
    ) -> None:
        self.spec = spec
        self.abilities = abilities
        self.limits = spec.limits or limits
        self._client = client
        self._path = path
        self._build = build
        self._read = read

    def __repr__(self) -> str:
        return f"JSONService({self.spec.name!r})"

    async def complete(self, request: Request) -> Answer:
        """Send one request, once.

        Raises:
            ProviderError: the most specific kind.
        """
        check_parts(self.abilities, request.messages)
        check_addresses(self._client.policy, request.messages)
        reply, milliseconds = await self._client.post(self._path, self._build(request))
        return self._read(reply, milliseconds)

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Refuse.

        Raises:
            SetupError: always.
        """
        raise SetupError("provider.no-embeddings", name=self.spec.kind)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
