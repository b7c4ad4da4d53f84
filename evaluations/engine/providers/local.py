"""local: a small real model on this machine, with no key and no network.

`make local-model` fetches SmolLM2-135M (Apache-2.0) and llama.cpp as xllamacpp. The model is served
by a process of its own on loopback, through the API that OpenAI's has; it ends with this one.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from core.addresses import LOOPBACK, AddressPolicy
from evaluations.engine.errors import ServiceError, SetupError
from evaluations.engine.providers.addresses import Policy
from evaluations.engine.providers.base import Capabilities, Environment, Limits, ProviderSpec
from evaluations.engine.providers.http import Client
from evaluations.engine.providers.openai import OpenAIProvider
from evaluations.engine.types import Answer, Request, Vector

__all__ = ["LocalProvider", "find_model", "make_local"]

FOLDER: Final = Path("data") / "models"
START_SECONDS: Final = 60
THIS_MACHINE: Final = Policy(allowed=AddressPolicy(kinds=frozenset({LOOPBACK})))
LIMITS: Final = Limits(concurrency=2, timeout_seconds=120, retries=1)
# Without the cache of prompts: what a slot remembers changes the last digits, and so the answer.
REPEATABLE: Final = {"temperature": 0, "seed": 1, "max_tokens": 128, "cache_prompt": False}


class LocalProvider:
    """Starts the model with the first call."""

    abilities = Capabilities(supports_seed=True, supports_schema=True)

    def __init__(self, spec: ProviderSpec, model: Path) -> None:
        self.spec = spec
        self.limits = spec.limits or LIMITS
        self._model = model
        self._process: asyncio.subprocess.Process | None = None
        self._inner: OpenAIProvider | None = None
        self._starting = asyncio.Lock()

    async def complete(self, request: Request) -> Answer:
        """Send one request, once.

        Raises:
            ProviderError: the most specific kind.
        """
        async with self._starting:
            inner = self._inner or await self._start()
        parameters = {**REPEATABLE, **request.parameters}
        return await inner.complete(
            Request(
                model=self._model.stem,
                messages=request.messages,
                parameters=parameters,
                response_schema=request.response_schema,
            )
        )

    async def _start(self) -> OpenAIProvider:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "evaluations.engine.providers.local_server",
            str(self._model),
            str(self.limits.concurrency),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        url = await self._address(self._process)
        client = Client(
            name="the local model",
            base_url=url,
            headers={},
            secrets=(),
            timeout_seconds=self.limits.timeout_seconds,
            policy=THIS_MACHINE,
        )
        self._inner = OpenAIProvider(
            self.spec, client, abilities=self.abilities, limits=self.limits
        )
        return self._inner

    async def _address(self, process: asyncio.subprocess.Process) -> str:
        assert process.stdout is not None  # noqa: S101  # nosec B101 (for types: it is a pipe)
        try:
            async with asyncio.timeout(START_SECONDS):
                while line := await process.stdout.readline():
                    text = line.decode(errors="replace").strip()
                    if text.startswith("http://"):
                        return f"{text}/v1"
        except TimeoutError:
            pass
        raise ServiceError("local.no-start")

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Refuse.

        Raises:
            SetupError: always.
        """
        raise SetupError("local.no-embeddings")

    async def close(self) -> None:
        """End the model's process."""
        if self._inner is not None:
            await self._inner.close()
            self._inner = None
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()


def find_model(environment: Environment) -> Path:
    """Return the model's file.

    Raises:
        SetupError: it is not there.
    """
    chosen = environment.get("LOCAL_MODEL", "")
    files = [Path(chosen)] if chosen else sorted(FOLDER.glob("*.gguf"))
    if not files or not files[0].is_file():
        raise SetupError("local.no-model")
    return files[0]


def make_local(spec: ProviderSpec, environment: Environment) -> LocalProvider:
    """Return the provider of the model on this machine.

    Raises:
        SetupError: model or package are missing.
    """
    from importlib.util import find_spec  # rare

    if find_spec("xllamacpp") is None:
        raise SetupError("local.no-llama")
    return LocalProvider(spec, find_model(environment))
