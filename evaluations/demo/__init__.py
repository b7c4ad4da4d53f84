"""Demo content of this app: a suite, and evaluations whose answers people wrote by hand.

Nothing is invented but the answers: scores are worked out from the suite's assertions, and what
nobody measured (times, tokens, costs) stays empty. `autoforge.demo` decides when it is loaded.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import yaml
from django.db import transaction

from evaluations.models import TestCase, TestSuite
from evaluations.services import (
    complete_evaluation,
    create_case,
    create_evaluation,
    create_suite,
)

__all__ = ["find_loaded", "load_evaluations"]

FILE: Final = Path(__file__).resolve().parent / "suite.yaml"
PROVIDER: Final = "demo"
MODEL: Final = "written-by-hand"
PARAMETERS: Final = {"note": "Example data: answers written by hand, no model was called."}
Assertion = Mapping[str, Any]


def find_loaded() -> str | None:
    """Return the name of the demo suite if it is here already, deleted or not."""
    name: str = _read()["name"]
    return name if TestSuite.all_objects.filter(name=name).exists() else None


@transaction.atomic
def load_evaluations(prompt_ids: Mapping[str, UUID]) -> int:
    """Write the demo suite with its cases and evaluations.

    Args:
        prompt_ids: key of each demo prompt → its id.

    Returns:
        How many evaluations there are.
    """
    demo = _read()
    suite = create_suite(name=demo["name"], description=demo["description"])
    cases = [create_case(suite_id=suite.pk, **fields) for fields in demo["cases"]]
    for entry in demo["evaluations"]:
        evaluation = create_evaluation(
            prompt_id=prompt_ids[demo["prompt"]],
            number=entry["version"],
            suite_id=suite.pk,
            provider=PROVIDER,
            model=MODEL,
            parameters=PARAMETERS,
        )
        results = [_result(case, entry["answers"][case.name]) for case in cases]
        complete_evaluation(evaluation_id=evaluation.pk, results=results)
    return len(demo["evaluations"])


def _result(case: TestCase, output: str) -> dict[str, Any]:
    score = _share_that_holds(output, case.assertions)
    return {"case": case, "output": output, "score": score, "passed": score == 1}


def _share_that_holds(output: str, assertions: Sequence[Assertion]) -> float:
    return sum(_holds(output, assertion) for assertion in assertions) / len(assertions)


def _holds(output: str, assertion: Assertion) -> bool:
    kind, value = assertion["type"], assertion["value"]
    if kind == "max-words":
        return len(output.split()) <= int(value)
    return (str(value) in output) is (kind == "contains")


def _read() -> dict[str, Any]:
    demo: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return demo
