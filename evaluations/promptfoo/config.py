"""promptfoo's configurations: prompts, providers and tests, read from files, nothing executed.

    promptfoo ──▶ prompts, providers, tests ──▶ cases ──▶ assertions, values ──▶ files, keys

Everything that is read and not carried out is a warning with its place.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from core import bounded
from core.language import gettext as _
from evaluations.engine.errors import SuiteError
from evaluations.engine.expressions import find_problem
from evaluations.engine.files import Files
from evaluations.engine.formats.numbers import number_in
from evaluations.engine.formats.yaml_document import Document
from evaluations.engine.providers.base import MOST_AT_A_TIME
from evaluations.engine.types import ImportNotice, Suite
from evaluations.promptfoo.cases import CaseMaker, ConfiguredCase, ConfiguredTest, list_entries
from evaluations.promptfoo.files import Location, Render, Source
from evaluations.promptfoo.keys import COMMAND_LINE, RUN, TOP, warn_of_keys
from evaluations.promptfoo.merging import ReadFile, merge_defaults, merge_maps
from evaluations.promptfoo.prompts import PromptSource, matches, read_prompts
from evaluations.promptfoo.providers import (
    ProviderSource,
    list_models,
    read_named_providers,
    read_providers,
)
from evaluations.promptfoo.tests import read_tests
from evaluations.stored import DerivedMetric

__all__ = [
    "MOST_DELAY_MS",
    "PromptSource",
    "PromptfooConfig",
    "ProviderSource",
    "RunOptions",
    "read_config",
    "read_configs",
]

# Each such text may take a worker process (docs/decisions/0015), and a page waits for all of them.
SECONDS: Final = 0.5
"""Processor time of all texts of a file that are expensive to fill or to check."""
MOST_DELAY_MS: Final = 60_000  # a limit is one of requests in a minute


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """What a configuration says of a run; None where it says nothing."""

    repeat: int | None = None
    """How many times each case is run."""
    concurrency: int | None = None
    """Calls at a time, for models that have no limit of their own."""
    timeout_seconds: float | None = None
    """For one request, as above."""
    max_seconds: float | None = None
    """For the whole run."""
    use_cache: bool = True
    """Whether earlier answers are taken."""
    delay_seconds: float | None = None
    """Between two requests to a model, which are then made one after the other."""
    shows_table: bool = True
    """Whether a terminal shows a row for each case."""
    cell_length: int | None = None
    """Characters of an answer in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptfooConfig:
    """Everything of a configuration that can be run."""

    description: str
    prompts: tuple[PromptSource, ...]
    providers: tuple[ProviderSource, ...]
    suite: Suite
    options: RunOptions
    models: Mapping[str, str]
    """What the file names as "judge" and as "embeddings" of all tests."""
    derived: tuple[DerivedMetric, ...]
    """What is worked out of the named scores."""
    cases: tuple[ConfiguredCase, ...]
    """The suite's cases, each with the prompts and models that it is for."""
    warnings: tuple[ImportNotice, ...]


def read_config(
    files: Files,
    name: str,
    render: Render,
    *,
    tests_only: bool = False,
    other_models: bool = False,
    variables: Mapping[str, str] | None = None,
) -> PromptfooConfig:
    """Read a configuration and the files that it names.

    Args:
        files: where the configuration is, and everything that it may name.
        name: the configuration's name there; with `tests_only` that of a table of tests.
        render: fills the texts of assertions with variables; ValueError where it cannot.
        tests_only: whether the file holds tests and nothing else.
        other_models: whether other models are asked than the file's own, which then do not matter.
        variables: of the environment, for commands alone: what was uploaded reads none.

    Raises:
        SuiteError: one sentence with file, line and column.
    """
    if not tests_only:
        return read_configs([(files, name)], render, other_models=other_models, variables=variables)
    with bounded.limit_allowance(SECONDS):
        source = Source(
            files=files,
            render=render,
            variables=variables or {},
            reads_environment=variables is not None,
        )
        document = Document(value={"tests": name}, file=name)
        return _read([ReadFile(source=source, document=document)], read_providers, {})


def read_configs(
    files: Sequence[tuple[Files, str]],
    render: Render,
    *,
    other_models: bool = False,
    variables: Mapping[str, str] | None = None,
    test_variables: Mapping[str, str] = MappingProxyType({}),
) -> PromptfooConfig:
    """Read configurations as one, merged as promptfoo does.

    Args:
        files: for each one where it is, with everything that it may name, and its name there.
        render: as for `read_config`.
        other_models: as for `read_config`.
        variables: as for `read_config`.
        test_variables: values for tests that have none of their own by that name.

    Raises:
        SuiteError: one sentence with file, line and column.
    """
    with bounded.limit_allowance(SECONDS):
        warnings: list[ImportNotice] = []
        read = []
        for folder, name in files:
            source = Source(
                files=folder,
                render=render,
                variables=variables or {},
                reads_environment=variables is not None,
                warnings=warnings,
            )
            path = folder.locate(name)
            source = source.with_own_variables(path)
            document = source.document(path)
            if not isinstance(document.value, dict):
                raise SuiteError("promptfoo.shape", at=name)
            read.append(ReadFile(source=source, document=document))
        read_models = read_named_providers if other_models else read_providers
        return _read(read, read_models, test_variables)


ReadModels = Callable[[Source, Document], list[ProviderSource]]


def _read(
    files: Sequence[ReadFile], read_models: ReadModels, test_variables: Mapping[str, str]
) -> PromptfooConfig:
    for file in files:
        warn_of_keys(file.source, file.document.mapping, TOP, file.document, ())
    options = _options(files)
    default = merge_defaults(files, test_variables)
    cases = _read_cases(files, default)
    prompts: list[PromptSource] = []
    providers: list[ProviderSource] = []
    for file in files:
        for prompt in read_prompts(file.source, file.document):
            if prompt not in prompts:
                prompts.append(prompt)
        for provider in read_models(file.source, file.document):
            if provider not in providers:
                providers.append(provider)
    derived = _read_derived(files)
    _refuse_unknown(cases, "prompt", [prompt.names for prompt in prompts])
    _refuse_unknown(cases, "provider", [provider.names for provider in providers])
    # A default that every test takes over is warned of once, not once a test.
    warnings = tuple(dict.fromkeys(files[0].source.warnings))
    descriptions = [str(file.document.mapping.get("description") or "") for file in files]
    description = ", ".join(filter(None, descriptions))
    suite = Suite(
        name=description or ", ".join(file.document.file for file in files),
        cases=tuple(entry.case for entry in cases),
        warnings=warnings,
    )
    return PromptfooConfig(
        description=description,
        prompts=tuple(prompts),
        providers=tuple(providers),
        suite=suite,
        options=options,
        models=list_models(list_entries(default, "options")),
        derived=derived,
        cases=tuple(cases),
        warnings=warnings,
    )


def _read_cases(files: Sequence[ReadFile], default: ConfiguredTest) -> list[ConfiguredCase]:
    """Return the cases of all files, their tests and scenarios numbered throughout."""
    first = files[0].source
    metadata: dict[str, object] = {}
    for file in files:
        value = file.document.mapping.get("metadata")
        metadata |= value if isinstance(value, dict) else {}
    cases: list[ConfiguredCase] = []
    tests = scenarios = 0
    for file in files:
        read = read_tests(file.source, file.document, default, first, metadata, len(cases))
        for case in read:
            if case.scenario is None:
                cases.append(replace(case, test=tests + case.test))
            else:
                cases.append(replace(case, scenario=scenarios + case.scenario))
        alone = [case.test for case in read if case.scenario is None]
        tests += max(alone, default=-1) + 1
        scenarios += max((case.scenario or 0 for case in read), default=-1) + 1
    if cases or any(file.document.mapping.get("scenarios") for file in files):
        return cases
    # promptfoo's too: a configuration of prompts alone asks each of them once.
    empty = ConfiguredTest(entry={}, document=files[0].document, path=())
    return list(CaseMaker(first, default, metadata).cases(empty, 0))


def _read_derived(files: Sequence[ReadFile]) -> tuple[DerivedMetric, ...]:
    """Return the derived metrics of all files; one that cannot be worked out is warned of."""
    metrics: list[DerivedMetric] = []
    for file in files:
        entries = file.document.mapping.get("derivedMetrics") or []
        for number, entry in enumerate(entries if isinstance(entries, list) else [entries]):
            location = file.document.location("derivedMetrics", number)
            name = entry.get("name") if isinstance(entry, Mapping) else None
            value = entry.get("value") if isinstance(entry, Mapping) else None
            if not isinstance(name, str) or not isinstance(value, str | int | float):
                raise SuiteError("promptfoo.derived-metric", at=location)
            metric = DerivedMetric(name=name, value=str(value))
            problem = find_problem(metric.value)
            if problem is None:
                metrics.append(metric)
                continue
            sentence = _("the derived metric “%(name)s” is left out: %(problem)s")
            file.source.warn(sentence % {"name": name, "problem": problem}, location)
    return tuple(metrics)


def _refuse_unknown(
    cases: Iterable[ConfiguredCase], kind: str, names: list[tuple[str, ...]]
) -> None:
    """Refuse a filter that lets nothing through because nothing is called so."""
    if not names:
        return  # the command's own columns are asked, which this file does not know
    for case in cases:
        references = case.prompts if kind == "prompt" else case.providers
        for reference in references or ():
            if any(matches(reference, known) for known in names):
                continue
            there = ", ".join(known[0][:60] for known in names[:20])  # a sentence, not a list
            raise SuiteError(
                "promptfoo.unknown-reference",
                at=case.location,
                kind=kind,
                reference=reference,
                there=there,
            )


def _options(files: Sequence[ReadFile]) -> RunOptions:
    for file in files:
        config, document = file.document.mapping, file.document
        warn_of_keys(
            file.source, config.get("evaluateOptions"), RUN, document, ("evaluateOptions",)
        )
        command_line = config.get("commandLineOptions")
        warn_of_keys(file.source, command_line, COMMAND_LINE, document, ("commandLineOptions",))
    location = files[-1].document.location("evaluateOptions")
    merged = merge_maps(files, "evaluateOptions", "promptfoo.evaluate-options")
    # The later one wins, as in promptfoo.
    merged |= merge_maps(files, "commandLineOptions", "promptfoo.evaluate-options")

    # Milliseconds there, seconds here; 0 means without a limit there.
    timeout = _number(merged, "timeoutMs", location)
    longest = _number(merged, "maxEvalTimeMs", location)
    delay = _number(merged, "delay", location, most=MOST_DELAY_MS)
    return RunOptions(
        repeat=_whole(merged, "repeat", location),
        concurrency=_whole(merged, "maxConcurrency", location, most=MOST_AT_A_TIME),
        timeout_seconds=timeout / 1000 if timeout else None,
        max_seconds=longest / 1000 if longest else None,
        use_cache=merged.get("cache") is not False,
        delay_seconds=delay / 1000 if delay else None,
        shows_table=merged.get("table") is not False,
        cell_length=_whole(merged, "tableCellMaxLength", location),
    )


def _number(
    options: Mapping[str, object], key: str, location: Location, *, most: float = math.inf
) -> float | None:
    value = options.get(key)
    if value is None:
        return None
    return number_in(value, key, location, least=0, most=most)


def _whole(
    options: Mapping[str, object], key: str, location: Location, *, most: float = math.inf
) -> int | None:
    value = _number(options, key, location)
    if value is None:
        return None
    if 1 <= value <= most and value.is_integer():
        return int(value)
    allowed = _("of at least 1") if most == math.inf else _("from 1 to %(most)s") % {"most": most}
    raise SuiteError("promptfoo.whole-number", at=location, key=key, allowed=allowed)
