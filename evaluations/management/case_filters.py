"""Which cases are run: the filters of `manage.py evaluate`, in promptfoo's order and meaning.

    metadata ──▶ results of a run ──▶ pattern ──▶ the first N ──▶ a sample of N

The numbers count tests: one whose variables are lists makes several cases. In scenarios, they count
the tests of each scenario.
"""

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

from django.core.management.base import CommandError

from core.exit_status import NOT_ASKED
from core.tables import UnreadableError
from core.typed_files import read_typed
from evaluations.engine.errors import ScoringError
from evaluations.engine.scorers.regex import InvalidPatternError, search
from evaluations.engine.types import Case, FileLocation
from evaluations.promptfoo.cases import ConfiguredCase
from evaluations.selectors.failed_first import CaseRank, list_case_inputs
from evaluations.selectors.runs import find_run

__all__ = [
    "CaseFilters",
    "ResultFilter",
    "choose_by_pattern",
    "choose_stored",
    "read_result_filter",
]

T = TypeVar("T")
Inputs = tuple[str, str]
"""Variables as JSON with sorted keys, and the name where there are none."""

LARGEST_REPORT: Final = 256 * 1024 * 1024
MASK: Final = 0xFFFFFFFF
FNV_BASIS, FNV_PRIME = 2166136261, 16777619  # FNV-1a of 32 bits, as promptfoo seeds its generator


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultFilter:
    """Cases by what became of them before."""

    inputs: frozenset[Inputs]

    def takes(self, case: ConfiguredCase) -> bool:
        """Whether the case had such a result."""
        return _identify(case.case.variables, case.case.name) in self.inputs


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseFilters:
    """What was typed; None and empty where it was not."""

    metadata: Sequence[tuple[str, str]] = ()
    """Key and what its value has to contain; all of them."""
    results: ResultFilter | None = None
    pattern: str | None = None
    """A regular expression of JavaScript, for the description of a test."""
    first: int | None = None
    sample: int | None = None
    seed: int | None = None
    """Makes the same sample again."""

    def choose(self, cases: Iterable[ConfiguredCase]) -> list[ConfiguredCase]:
        """Return the cases that pass all filters; a sample is in its own order, as in promptfoo.

        Raises:
            CommandError: none is left, or the pattern is no regular expression.
        """
        every = list(cases)
        chosen = [case for case in every if self._has_metadata(case)]
        if self.results is not None:
            chosen = [case for case in chosen if self.results.takes(case)]
        if self.pattern is not None:
            described = [case for case in chosen if case.description]
            chosen = choose_by_pattern(
                "--filter-pattern", self.pattern, described, lambda case: [case.description]
            )
        limited = self._limit(chosen)
        if every and not limited:
            message = (
                f"No test is left: the filters let none of {len(every):,} cases through. "
                "Compare them with the descriptions, metadata and variables of the tests."
            )
            raise CommandError(message, returncode=NOT_ASKED)
        return limited

    def _has_metadata(self, case: ConfiguredCase) -> bool:
        return all(_contains(case.case.metadata.get(key), text) for key, text in self.metadata)

    def _limit(self, cases: Sequence[ConfiguredCase]) -> list[ConfiguredCase]:
        if self.first is None and self.sample is None:
            return list(cases)
        chosen: list[ConfiguredCase] = []
        for scenario, group in groupby(cases, key=lambda case: case.scenario):
            chosen += self._limit_group(list(group), scenario)
        return chosen

    def _limit_group(
        self, cases: Sequence[ConfiguredCase], scenario: int | None
    ) -> list[ConfiguredCase]:
        tests = list(dict.fromkeys(case.test for case in cases))[: self.first]
        if self.sample is not None:
            tests = _shuffle(tests, _make_random(self.seed, scenario))[: self.sample]
        order = {test: index for index, test in enumerate(tests)}
        # Sorting is stable: the cases of a test stay in their order.
        return sorted((case for case in cases if case.test in order), key=lambda c: order[c.test])


def choose_stored(
    cases: Iterable[tuple[UUID | None, Case]], filters: CaseFilters
) -> list[tuple[UUID | None, Case]]:
    """Return the cases of a stored suite that pass all filters; a name is its description.

    Raises:
        CommandError: none is left, or the pattern is no regular expression.
    """
    stored = list(cases)
    entries = []
    for index, (_key, case) in enumerate(stored):
        location = FileLocation(file=case.name)
        entries.append(
            ConfiguredCase(case=case, location=location, description=case.name, test=index)
        )
    return [stored[entry.test] for entry in filters.choose(entries)]


def choose_by_pattern(
    option: str, pattern: str, items: Iterable[T], describe: Callable[[T], Iterable[str]]
) -> list[T]:
    """Return the items one of whose names matches a regular expression of JavaScript.

    Raises:
        CommandError: it is no regular expression, or takes too long.
    """
    try:
        search(pattern, "")
        return [item for item in items if any(search(pattern, name) for name in describe(item))]
    except (InvalidPatternError, ScoringError) as error:
        raise CommandError(f"{option}: {pattern!r}: {error}", returncode=NOT_ASKED) from error


def read_result_filter(text: str, ranks: Iterable[CaseRank], option: str) -> ResultFilter:
    """Return a filter for the cases that had one of these results.

    Args:
        text: the ID of a run, or a file of results in promptfoo's format, which ends with .json.
        ranks: which results count; a case has several of them in different columns.
        option: how it was typed.

    Raises:
        CommandError: the file cannot be read, or no case had such a result.
        NotFoundError: there is no such run.
    """
    wanted = frozenset(ranks)
    if text.endswith(".json"):
        inputs = _read_report(Path(text), wanted, option)
    else:
        rows = list_case_inputs(find_run(text).pk, wanted)
        inputs = frozenset(_identify(variables, name) for name, variables in rows)
    if not inputs:
        message = f"{option}: {text} has no case with such a result, so there is nothing to run."
        raise CommandError(message, returncode=NOT_ASKED)
    return ResultFilter(inputs=inputs)


def _read_report(path: Path, ranks: frozenset[CaseRank], option: str) -> frozenset[Inputs]:
    sentence = (
        f"{option}: {path} is not a file of results in promptfoo's format "
        "(manage.py evaluate --format promptfoo); the ID of a run works as well."
    )
    try:
        document = json.loads(read_typed(path, most_bytes=LARGEST_REPORT))
        rows = document["results"]["results"]
        inputs = set()
        for row in rows:
            rank = CaseRank.PASSED
            if not row["success"]:
                rank = CaseRank.ERROR if row.get("failureReason") == 2 else CaseRank.FAILED
            if rank in ranks:
                name = str(row.get("testCase", {}).get("description") or "")
                inputs.add(_identify(row.get("vars") or {}, name))
    except UnreadableError as error:
        raise CommandError(f"{option}: {path}: {error}", returncode=NOT_ASKED) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CommandError(sentence, returncode=NOT_ASKED) from error
    return frozenset(inputs)


def _identify(variables: Mapping[str, object], name: str) -> Inputs:
    # Without variables there is only the name that tells cases apart.
    return json.dumps(variables, sort_keys=True, default=str), "" if variables else name


def _contains(value: object, text: str) -> bool:
    if value is None:
        return False
    if isinstance(value, list):
        return any(text in _as_text(entry) for entry in value)
    return text in _as_text(value)


def _as_text(value: object) -> str:
    """Return what JavaScript's toString() makes of a value of YAML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _make_random(seed: int | None, scenario: int | None) -> Callable[[], float]:
    """Return promptfoo's generator: the same seed gives the same sample there and here."""
    if seed is None:
        return random.random
    text = str(seed) if scenario is None else str(_hash(f"{seed}:{scenario}"))
    state = _hash(text)

    def step() -> float:
        # mulberry32, as in promptfoo's createSeededRandom.
        nonlocal state
        state = (state + 1831565813) & MASK
        value = ((state ^ (state >> 15)) * (state | 1)) & MASK
        value ^= (value + ((value ^ (value >> 7)) * (value | 61) & MASK)) & MASK
        return ((value ^ (value >> 14)) & MASK) / 4294967296

    return step


def _hash(text: str) -> int:
    state = FNV_BASIS
    for unit in memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H"):
        state = ((state ^ unit) * FNV_PRIME) & MASK
    return state


def _shuffle(tests: Sequence[int], step: Callable[[], float]) -> list[int]:
    """Return them in another order (Fisher and Yates, from the end)."""
    shuffled = list(tests)
    for index in range(len(shuffled) - 1, 0, -1):
        other = int(step() * (index + 1))
        shuffled[index], shuffled[other] = shuffled[other], shuffled[index]
    return shuffled
