"""Whether a run's cases fit its prompts, and whether anything checks the answers.

It is said before anything is asked and paid for. What it says is kept with the run as codes and
parameters, so that a page shows it in its reader's language.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from core.json import dump
from core.sentences import CATALOGUE, Sentence
from evaluations.engine.formats.assertions import assertion_as_dict
from evaluations.engine.scorers import is_checked
from evaluations.engine.types import Case
from evaluations.stored import Parameter, StoredMisfit
from prompts import interface as prompts
from prompts.rendering import find_placeholders

__all__ = ["Misfit", "Survey", "list_misfits"]

# What every text of promptfoo's may use without a case that provides it.
NUNJUCKS_GLOBALS: Final = frozenset({"env", "range", "cycler", "joiner", "_conversation"})
NAMES_SHOWN: Final = 5  # in a sentence; how many more there are is a number
DISTINCT_SHAPES: Final = 10_000  # a run may have a hundred thousand cases, each with its own names


class PlannedColumnLike(Protocol):
    """What is asked of whom; see `planning.PlannedColumn`."""

    @property
    def name(self) -> str:
        """Display name of the column."""

    @property
    def prompt(self) -> prompts.PromptText | None:
        """A stored version of a prompt, None for a text that came with a file."""

    @property
    def template(self) -> prompts.Template:
        """What is filled with the cases' variables."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Misfit:
    """One thing that will not go as its author probably meant it."""

    code: str
    """That of its sentence in the catalogue, without `misfit.`; stored with the run."""
    params: Mapping[str, Parameter] = field(default_factory=dict)
    """The sentence's parameters."""

    def __str__(self) -> str:
        return str(Sentence(f"misfit.{self.code}", **self.params))

    def as_stored(self) -> StoredMisfit:
        """Return it as a run keeps it."""
        return StoredMisfit(code=self.code, params=dict(self.params))


def list_misfits(stored: Iterable[StoredMisfit]) -> list[Misfit]:
    """Return what a run keeps, without what a later version may have written."""
    known = [misfit for misfit in stored if f"misfit.{misfit.code}" in CATALOGUE]
    return [Misfit(code=misfit.code, params=misfit.params) for misfit in known]


class Survey:
    """Counts which variables the cases of a run give, and how many of them have a check."""

    def __init__(self) -> None:
        self._cases = 0
        self._unchecked = 0
        self._shapes: Counter[tuple[frozenset[str], tuple[int, ...] | None]] = Counter()
        self._asserted: set[str] = set()

    def add(self, case: Case) -> None:
        """Count one case."""
        self._cases += 1
        if not is_checked(case.assertions, case.threshold):
            self._unchecked += 1
        shape = (frozenset(case.variables), case.columns)
        if shape in self._shapes or len(self._shapes) < DISTINCT_SHAPES:
            self._shapes[shape] += 1
        # A variable that an assertion names is used, though no prompt asks for it. Any occurrence
        # of its name counts: a warning too few is better than one that is wrong.
        unseen = [name for name in case.variables if name not in self._asserted]
        if unseen and case.assertions:
            text = dump([assertion_as_dict(assertion) for assertion in case.assertions])
            self._asserted.update(name for name in unseen if name in text)

    def misfits(self, columns: Sequence[PlannedColumnLike]) -> list[Misfit]:
        """Return what does not fit, the gravest first."""
        misfits = self._checks()
        for position, column in enumerate(columns):
            misfits += self._variables(position, column)
        return misfits

    def _checks(self) -> list[Misfit]:
        if not self._unchecked:
            return []
        if self._unchecked == self._cases:
            return [Misfit(code="nothing-checked")]
        return [Misfit(code="unchecked", params={"count": self._unchecked, "cases": self._cases})]

    def _variables(self, position: int, column: PlannedColumnLike) -> list[Misfit]:
        provided: Counter[str] = Counter()  # name → how many of the column's cases have it
        cases = 0
        for (names, columns), count in self._shapes.items():
            if columns is None or position in columns:
                cases += count
                provided.update(dict.fromkeys(names, count))
        if not cases:
            return []
        if column.prompt is None:
            return self._check_file_prompt(column, provided)
        return self._check_stored_prompt(column, provided, cases)

    def _check_file_prompt(self, column: PlannedColumnLike, provided: Counter[str]) -> list[Misfit]:
        """Return what a text that came with a file misses: there, nothing is required."""
        used = [variable.name for variable in column.template.variables]
        known = NUNJUCKS_GLOBALS | provided.keys()
        missing = [name for name in used if name not in known]
        if not missing:
            return []
        return [Misfit(code="never-given", params=_params(column, missing))]

    def _check_stored_prompt(
        self, column: PlannedColumnLike, provided: Counter[str], cases: int
    ) -> list[Misfit]:
        variables = column.template.variables
        misfits = []
        required = [variable.name for variable in variables if variable.required]
        missing = [name for name in required if provided[name] < cases]
        if missing:
            # At least so many: those without the rarest. Which cases miss which is not counted.
            count = cases - min(provided[name] for name in missing)
            params = _params(column, missing) | {"count": count, "cases": cases}
            misfits.append(Misfit(code="missing", params=params))
        used = {variable.name for variable in variables} | self._asserted
        used.update(find_placeholders(column.template))
        unused = sorted(name for name in provided if name not in used)
        if unused:
            misfits.append(Misfit(code="unused", params=_params(column, unused)))
        return misfits


def _params(column: PlannedColumnLike, names: Sequence[str]) -> dict[str, Parameter]:
    text = ", ".join(f"“{name}”" for name in names[:NAMES_SHOWN])
    more = len(names) - NAMES_SHOWN
    if more > 0:
        text += f" (+{more})"
    return {"column": column.name, "names": text}
