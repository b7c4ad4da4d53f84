"""echo, replay, and what cannot be asked: answers without a model, and none."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from core.language import gettext as _
from core.sentences import Sentence
from evaluations.engine.errors import ProviderError, RefusedError, SetupError, SuiteError
from evaluations.engine.files import RunFiles
from evaluations.engine.numbers import finite
from evaluations.engine.providers.base import Capabilities, Environment, Limits, ProviderSpec
from evaluations.engine.providers.replies import LARGEST_COUNT, read_count, read_reason
from evaluations.engine.types import Answer, Message, Part, Request, Vector, identify_message

__all__ = [
    "EchoProvider",
    "ReplayProvider",
    "UnavailableProvider",
    "make_echo",
    "make_replay",
    "prompt_key",
]

INTEGERS: Final = ("latency_ms", "input_tokens", "output_tokens")
COSTS: Final = ("cost_usd", "cost")
MOST_USD: Final = 1_000_000
AT_ONCE: Final = Limits(concurrency=1024, retries=0)


class _Offline:
    abilities = Capabilities(supports_seed=True, supports_images=True, supports_files=True)

    def __init__(self, spec: ProviderSpec) -> None:
        self.spec = spec
        self.limits = spec.limits or AT_ONCE

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Refuse.

        Raises:
            SetupError: always.
        """
        raise SetupError("provider.no-embeddings", name=self.spec.kind)

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


class EchoProvider(_Offline):
    """Answers what it was asked: the last message of the user."""

    async def complete(self, request: Request) -> Answer:
        """Return the last message."""
        return Answer(text=request.messages[-1].content, latency_ms=0, finish_reason="stop")


class ReplayProvider(_Offline):
    """Answers what was recorded.

    Args:
        spec: its model is the file's name.
        answers: key of a prompt → the recorded entry.
    """

    def __init__(self, spec: ProviderSpec, answers: Mapping[str, Mapping[str, object]]) -> None:
        super().__init__(spec)
        self._answers = answers

    async def complete(self, request: Request) -> Answer:
        """Return what was recorded.

        Raises:
            ProviderError: nothing was recorded for this prompt.
        """
        entry = self._answers.get(prompt_key(request.messages))
        if entry is None:
            raise ProviderError("replay.no-answer")
        cost = entry.get("cost_usd", entry.get("cost"))
        return Answer(
            text=str(entry["output"]),
            latency_ms=read_count(entry.get("latency_ms")),
            input_tokens=read_count(entry.get("input_tokens")),
            output_tokens=read_count(entry.get("output_tokens")),
            finish_reason=read_reason(entry.get("finish_reason")),
            # Its text: Decimal(0.1) would have 55 digits.
            cost_usd=None if cost is None else Decimal(str(cost)),
        )


class UnavailableProvider(_Offline):
    """Answers nothing: says of each request why there is nobody to ask."""

    async def complete(self, request: Request) -> Answer:
        """Refuse.

        Raises:
            RefusedError: always, and no SetupError: the other columns of the run go on.
        """
        raise RefusedError(Sentence.verbatim(self.spec.problem))

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Refuse.

        Raises:
            RefusedError: as above.
        """
        raise RefusedError(Sentence.verbatim(self.spec.problem))


def prompt_key(messages: Sequence[Message]) -> str:
    """Return what recorded answers are found by: a hash of roles and texts."""
    rows = list(map(identify_message, messages))
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def make_echo(spec: ProviderSpec, environment: Environment) -> EchoProvider:
    """Return a provider that answers what it was asked."""
    return EchoProvider(spec)


def make_replay(spec: ProviderSpec, files: RunFiles) -> ReplayProvider:
    """Return a provider of the answers in the file that the spec's model names.

    The file is a JSON list, or JSON Lines, of objects with `prompt` (or `messages`) and `output`.

    Raises:
        SetupError: there is no such file, it may not or cannot be read; says which line.
    """
    path = Path(spec.model).name
    try:
        rows = _read_rows(files.read(spec.model).decode("utf-8-sig"))
    except SuiteError as error:
        raise SetupError("replay.file", error=error) from None
    except (ValueError, RecursionError):
        sentence = _(
            "contains no recorded answers; it must be a JSON list, or JSON Lines, of objects"
        )
        raise SetupError("replay.shape", path=path, sentence=sentence) from None
    answers = {}
    for number, row in enumerate(rows, start=1):
        at = Sentence("file.entry", path=path, number=number)
        if not isinstance(row, dict) or "output" not in row:
            raise SetupError("replay.entry", at=at)
        if "prompt" not in row and "messages" not in row:
            raise SetupError("replay.entry", at=at)
        answers[prompt_key(_read_messages(row, at))] = row
        _check_numbers(row, path, number)
    return ReplayProvider(spec, answers)


def _read_rows(text: str) -> list[object]:
    if text.lstrip().startswith("["):
        rows = json.loads(text)
        return rows if isinstance(rows, list) else []
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _read_messages(row: Mapping[str, Any], at: Sentence) -> list[Message]:
    messages = row.get("messages") or [{"role": "user", "content": row.get("prompt")}]
    try:
        return [_read_message(message) for message in messages]
    except (TypeError, KeyError, AttributeError):
        raise SetupError("replay.message", at=at) from None


def _read_message(message: Mapping[str, Any]) -> Message:
    content = message["content"]
    if not isinstance(content, list):
        return Message(role=message["role"], content=content)
    parts = tuple(Part(**part) for part in content)
    return Message(role=message["role"], content="", parts=parts)


def _check_numbers(row: Mapping[str, object], path: str, number: int) -> None:
    for name in INTEGERS:
        if row.get(name) is not None and read_count(row[name]) is None:
            sentence = _("%(name)s must be an integer from 0 to %(limit)s") % {
                "name": name,
                "limit": LARGEST_COUNT,
            }
            raise SetupError(
                _("%(path)s, entry %(number)s: %(sentence)s")
                % {"path": path, "number": number, "sentence": sentence}
            )
    for name in COSTS:
        cost = finite(row.get(name))
        if row.get(name) is not None and (cost is None or not 0 <= cost <= MOST_USD):
            sentence = _("%(name)s must be an amount in US dollars from 0 to %(limit)s") % {
                "name": name,
                "limit": MOST_USD,
            }
            raise SetupError(
                _("%(path)s, entry %(number)s: %(sentence)s")
                % {"path": path, "number": number, "sentence": sentence}
            )
