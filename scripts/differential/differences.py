"""Where we mean something else than promptfoo 0.123.1, and why. Everything else has to agree."""

from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["DIFFERENCES", "why_different"]

Pair = Mapping[str, Any]
Verdict = Mapping[str, Any]


def _kind(pair: Pair) -> str:
    return str(pair["assertion"]["type"]).removeprefix("not-")


def _silence(pair: Pair, _theirs: Verdict, _ours: Verdict) -> bool:
    return _kind(pair) == "is-refusal" and not pair["answer"]["text"].strip()


DIFFERENCES: Final[tuple[tuple[str, Callable[[Pair, Verdict, Verdict], bool]], ...]] = (
    ("is-refusal: silence passes with the score 1; promptfoo passes it with the score 0", _silence),
)


def why_different(pair: Pair, theirs: Verdict, ours: Verdict) -> str | None:
    """Return the reason of an intended difference, None where there is none."""
    return next((why for why, applies in DIFFERENCES if applies(pair, theirs, ours)), None)
