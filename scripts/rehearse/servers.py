"""What an installation stands on: Redis with a password, and a model service that counts."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self
from urllib.request import urlopen

from launch.tools import ROOT

from tests.support.redis_server import RedisServer

__all__ = ["CountingModel", "open_redis"]


@contextlib.contextmanager
def open_redis(folder: Path, password: str) -> Iterator[str]:
    """Give the URL of a Redis server that asks for a password; the URL does not contain it."""
    server = RedisServer(folder, password)
    server.start()
    try:
        yield f"redis://127.0.0.1:{server.port}/0"
    finally:
        server.kill()


class CountingModel:
    """The fake model service, as a program: it counts how often it was paid for each question."""

    def __init__(self, delay_ms: int) -> None:
        """Start it; each answer takes so many milliseconds."""
        program = ROOT / "tests" / "support" / "fake_models.py"
        self._process = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, str(program), "--delay-ms", str(delay_ms)],
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._process.stdout is None:
            raise RuntimeError("the model's output is not a pipe")
        self.url = self._process.stdout.readline().strip()

    def counts(self) -> Mapping[str, int]:
        """Return how often each question has been asked."""
        with urlopen(f"{self.url}/count") as answer:  # noqa: S310 (loopback)
            counts: dict[str, int] = json.load(answer)
        return counts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.wait()
