"""Demo content of this app: two suites, each with a run whose answers were recorded.

Nothing is invented: the answers of the first are a real model's (SmolLM2-135M, recorded with their
times and tokens), those of the second were written by hand and say so. Scores, intervals and
verdicts are worked out when this is loaded, as for any other run. `autoforge.demo` decides when.
"""

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from evaluations.engine.protocol import Column, EndStatus, RunOutcome, TaskResult, request_hash
from evaluations.engine.providers import ProviderSpec
from evaluations.engine.scorers import Context, grade
from evaluations.engine.types import Answer
from evaluations.models import TestSuite
from evaluations.services.planning import Plan, PlannedColumn, create_run, load_cases
from evaluations.services.runs import build_column, find_template, finish_run
from evaluations.services.store import DatabaseStore
from evaluations.services.suites import store_suite
from evaluations.stored import RunSettings
from evaluations.suite_files import read_suite
from prompts import interface as prompts

__all__ = ["find_loaded", "load_runs"]

FOLDER: Final = Path(__file__).resolve().parent
SUITES: Final = ("support", "minutes")
PAGE: Final = 1000


def find_loaded() -> str | None:
    """Return the name of a demo suite that is here already, deleted or not."""
    names = [read_suite(FOLDER / f"{one}.yaml").name for one in SUITES]
    return TestSuite.all_objects.filter(name__in=names).values_list("name", flat=True).first()


@transaction.atomic
def load_runs(prompt_ids: Mapping[str, UUID]) -> int:
    """Write the demo suites and their runs; return how many columns those have.

    Args:
        prompt_ids: key of each demo prompt → its id.
    """
    recorded = json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))
    return sum(_load(one, prompt_ids[one["prompt"]]) for one in recorded)


def _load(recorded: Mapping[str, Any], prompt_id: UUID) -> int:
    suite, _count = store_suite(read_suite(FOLDER / f"{recorded['suite']}.yaml"))
    names = ("model", "label", "parameters")
    spec = ProviderSpec(kind=recorded["provider"], **{name: recorded[name] for name in names})
    columns = [
        PlannedColumn(
            spec=spec,
            prompt=prompts.get_prompt_text(prompt_id=prompt_id, number=column["version"]),
        )
        for column in recorded["columns"]
    ]
    plan = Plan(columns=columns, name=suite.name, suite=suite, settings=RunSettings(demo=True))
    run = create_run(plan, load_cases(suite.pk))
    rows = list(run.evaluations.select_related("version").order_by("position"))
    store = DatabaseStore(run, {str(row.pk): find_template(row) for row in rows})
    for row, column in zip(rows, recorded["columns"], strict=True):
        _answer(store, build_column(row, spec, provider=None), column["answers"])
    finish_run(run, RunOutcome(status=EndStatus.COMPLETED, message="", seconds=_seconds(recorded)))
    return len(rows)


def _answer(store: DatabaseStore, column: Column, answers: Mapping[str, Any]) -> None:
    tasks, _after = store.page(column, 0, PAGE)
    finished = []
    for task in tasks:
        answer = Answer(**answers[task.case.name])
        context = Context(variables=task.case.variables, expected=task.case.expected)
        graded = _in_a_thread(grade(task.case.assertions, answer, context, task.case.threshold))
        finished.append(
            TaskResult(
                column=column,
                task=task,
                request_hash=request_hash(column, task),
                answer=answer,
                graded=graded,
                error=graded.error,
            )
        )
    store.save(finished)


def _in_a_thread(coroutine: Any) -> Any:
    # The caller's thread may have an event loop of its own.
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def _seconds(recorded: Mapping[str, Any]) -> float:
    answers = (one for column in recorded["columns"] for one in column["answers"].values())
    return float(sum(one.get("latency_ms", 0) for one in answers)) / 1000
