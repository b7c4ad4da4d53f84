"""What a promptfoo configuration says of a run: its columns, who asks which case, limits."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from evaluations.engine.providers import Limits, ProviderSpec
from evaluations.engine.types import Case
from evaluations.promptfoo.cases import ConfiguredCase
from evaluations.promptfoo.config import PromptfooConfig, RunOptions
from evaluations.promptfoo.prompts import matches
from evaluations.promptfoo.requests import with_prompt_config
from evaluations.services.planning import PlannedColumn

__all__ = ["Filters", "plan_columns", "with_limits", "with_typed_limits"]


def plan_columns(
    config: PromptfooConfig, specs: Iterable[ProviderSpec], variables: Mapping[str, str]
) -> list[PlannedColumn]:
    """Return a column for each model and each of its prompts, in promptfoo's order.

    Args:
        config: what was read.
        specs: the models.
        variables: of the environment, for what promptfoo adds to requests.
    """
    columns = []
    for spec in specs:
        for prompt in config.prompts:
            # A provider that lists no prompts is asked all of them.
            if spec.prompts and not _is_any(spec.prompts, prompt.names):
                continue
            label = f"{prompt.label} · {spec.name}"
            asked = with_prompt_config(spec, prompt.config, variables)
            columns.append(PlannedColumn(spec=asked, text=prompt.raw, label=label))
    return columns


def _is_any(references: Iterable[str], names: Sequence[str]) -> bool:
    """Whether one of the references, which may hold wildcards, means one of the names."""
    return any(matches(reference, names) for reference in references)


def with_limits(spec: ProviderSpec, default: Limits, options: RunOptions) -> ProviderSpec:
    """Return a model with the configuration's limits, where it has none of its own.

    Args:
        spec: the model as it is configured.
        default: the limits of its kind, for what the configuration leaves open.
        options: of the configuration.
    """
    if spec.limits is not None:
        return spec
    values = (options.concurrency, options.timeout_seconds, options.delay_seconds)
    if all(value is None for value in values):
        return spec
    limits = replace(
        default,
        concurrency=options.concurrency or default.concurrency,
        timeout_seconds=options.timeout_seconds or default.timeout_seconds,
    )
    if options.delay_seconds:
        limits = _with_delay(limits, options.delay_seconds)
    return replace(spec, limits=limits)


def with_typed_limits(
    spec: ProviderSpec, default: Limits, concurrency: int | None, delay_ms: float | None
) -> ProviderSpec:
    """Return a model with what was typed, which counts more than what it has."""
    if concurrency is None and not delay_ms:
        return spec
    limits = spec.limits or default
    if concurrency is not None:
        limits = replace(limits, concurrency=concurrency)
    if delay_ms:
        limits = _with_delay(limits, delay_ms / 1000)
    return replace(spec, limits=limits)


def _with_delay(limits: Limits, seconds: float) -> Limits:
    """Return limits that leave so much time between two requests, at the least."""
    # Rounded down: the pause is never shorter. promptfoo, too, asks one after the other then.
    each_minute = max(1, math.floor(60 / seconds))
    allowed = limits.requests_per_minute
    each_minute = each_minute if allowed is None else min(each_minute, allowed)
    return replace(limits, concurrency=1, requests_per_minute=each_minute)


class Filters:
    """Which columns ask a case, by the names of prompts and models that its test gives.

    Args:
        config: what was read.
        columns: what is run; stored prompts are none that a test could name.
    """

    def __init__(self, config: PromptfooConfig, columns: Sequence[PlannedColumn]) -> None:
        self._columns = columns
        self._prompts = {prompt.raw: prompt for prompt in config.prompts}
        self._providers = {provider.spec.name: provider.names for provider in config.providers}

    def with_columns(self, test: ConfiguredCase) -> Case:
        """Return the test's case with the positions of the columns that ask it."""
        if test.prompts is None and test.providers is None:
            return test.case
        positions = []
        for position, column in enumerate(self._columns):
            if self._asks_prompt(column, test) and self._asks_provider(column, test):
                positions.append(position)
        return replace(test.case, columns=tuple(positions))

    def _asks_prompt(self, column: PlannedColumn, test: ConfiguredCase) -> bool:
        if test.prompts is None or column.prompt is not None:
            return True  # no test of a file can name a stored prompt
        prompt = self._prompts.get(column.text)
        return prompt is None or _is_any(test.prompts, prompt.names)

    def _asks_provider(self, column: PlannedColumn, test: ConfiguredCase) -> bool:
        if test.providers is None:
            return True
        spec = column.spec
        # A model of --provider stands in no file: it goes by its name and by kind:model.
        names = self._providers.get(spec.name, (spec.name, f"{spec.kind}:{spec.model}"))
        return _is_any(test.providers, names)
