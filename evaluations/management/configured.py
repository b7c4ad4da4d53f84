"""What a promptfoo configuration says of a run: its columns, who asks which case, limits."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from evaluations.engine.providers import Limits, ProviderSpec
from evaluations.engine.types import Case
from evaluations.promptfoo.cases import FoundCase
from evaluations.promptfoo.config import PromptfooConfig, PromptSource, RunOptions
from evaluations.promptfoo.prompts import matches
from evaluations.services.planning import PlannedColumn

__all__ = ["Filters", "plan_columns", "with_limits"]


def plan_columns(config: PromptfooConfig, specs: Iterable[ProviderSpec]) -> list[PlannedColumn]:
    """Return a column for each model and each of its prompts, in promptfoo's order."""
    return [
        PlannedColumn(spec=spec, text=one.raw, label=f"{one.label} · {spec.name}")
        for spec in specs
        for one in config.prompts
        if not spec.prompts or _is_any(spec.prompts, one.names)
    ]


def _is_any(references: Iterable[str], names: Sequence[str]) -> bool:
    return any(matches(one, names) for one in references)


def with_limits(spec: ProviderSpec, usual: Limits, options: RunOptions) -> ProviderSpec:
    """Return a model with the configuration's limits, where it has none of its own."""
    if spec.limits is not None or (options.concurrency or options.timeout_seconds) is None:
        return spec
    limits = replace(
        usual,
        concurrency=options.concurrency or usual.concurrency,
        timeout_seconds=options.timeout_seconds or usual.timeout_seconds,
    )
    return replace(spec, limits=limits)


def _allows(references: Sequence[str] | None, names: Sequence[str]) -> bool:
    return references is None or _is_any(references, names)


class Filters:
    """Which columns ask a case, by the names of prompts and models that its test gives.

    Args:
        config: what was read.
        columns: what is run; stored prompts are none that a test could name.
    """

    def __init__(self, config: PromptfooConfig, columns: Sequence[PlannedColumn]) -> None:
        self._columns = columns
        self._prompts: dict[str, PromptSource] = {one.raw: one for one in config.prompts}
        self._providers = {one.spec.name: one.names for one in config.providers}

    def case(self, found: FoundCase) -> Case:
        """Return the case with the columns that ask it."""
        if found.prompts is None and found.providers is None:
            return found.case
        places = (place for place, column in enumerate(self._columns) if self._asks(column, found))
        return replace(found.case, columns=tuple(places))

    def _asks(self, column: PlannedColumn, found: FoundCase) -> bool:
        source = self._prompts.get(column.text) if column.prompt is None else None
        if source is not None and not _allows(found.prompts, source.names):
            return False
        spec = column.spec
        names = self._providers.get(spec.name, (spec.name, f"{spec.kind}:{spec.model}"))
        return _allows(found.providers, names)
