"""What our scorers say of a pair, and whether it is what promptfoo said."""

import asyncio
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from differential.differences import why_different
from evaluations.engine.scorers import Context, grade
from evaluations.engine.types import Answer, Assertion, parse_type

__all__ = ["disagreements", "our_verdict"]

CLOSE = 1e-6  # scores are compared as numbers: JavaScript's and Python's logarithms differ by a bit


def our_verdict(pair: Mapping[str, Any]) -> dict[str, object]:
    """Return {"pass", "score"} of our scorer, or {"error": True}."""
    raw, sent = pair["assertion"], pair["answer"]
    kind, negated = parse_type(raw["type"])
    threshold = raw.get("threshold")
    assertion = Assertion(type=kind, negated=negated, value=raw.get("value"), threshold=threshold)
    answer = Answer(
        text=sent["text"],
        data=sent.get("data"),
        latency_ms=1,
        cost_usd=Decimal(str(sent["cost"])) if "cost" in sent else None,
        finish_reason=sent.get("finishReason"),
        logprobs=tuple(sent["logProbs"]) if "logProbs" in sent else None,
        flagged=sent.get("guardrails", {}).get("flagged"),
    )
    graded = asyncio.run(grade([assertion], answer, Context()))
    if graded.error:
        return {"error": True, "reason": graded.error}
    outcome = graded.grades[0].outcome
    return {"pass": outcome.passed, "score": outcome.score, "reason": outcome.reason}


def _same(theirs: Mapping[str, object], ours: Mapping[str, Any]) -> bool:
    if theirs.get("error") or ours.get("error"):
        return bool(theirs.get("error")) == bool(ours.get("error"))
    return bool(theirs["pass"] == ours["pass"] and abs(theirs["score"] - ours["score"]) < CLOSE)


def disagreements(
    pairs: Iterable[Mapping[str, object]], verdicts: Iterable[Mapping[str, object]]
) -> list[dict[str, Any]]:
    """Return each pair on which we differ, with the reason where it is intended."""
    differences = []
    for pair, theirs in zip(pairs, verdicts, strict=True):
        ours = our_verdict(pair)
        if not _same(theirs, ours):
            why = why_different(pair, theirs, ours)
            differences.append({"pair": pair, "theirs": theirs, "ours": ours, "why": why})
    return differences
