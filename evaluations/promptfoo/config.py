"""promptfoo's configurations: prompts, providers and tests, read from files, nothing executed.

    promptfoo ──▶ prompts, providers, tests ──▶ cases ──▶ assertions, values ──▶ files, keys

Everything that is read and not carried out is a warning with its place.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from core import bounded
from core.language import gettext as _
from evaluations.engine.errors import SuiteError
from evaluations.engine.files import Files
from evaluations.engine.formats.numbers import number_in
from evaluations.engine.formats.yaml_document import Document
from evaluations.engine.providers.base import MOST_AT_A_TIME
from evaluations.engine.types import ImportNotice, Suite
from evaluations.promptfoo.cases import ConfiguredCase, list_entries
from evaluations.promptfoo.files import Location, Render, Source
from evaluations.promptfoo.keys import COMMAND_LINE, RUN, TOP, warn_of_keys
from evaluations.promptfoo.prompts import PromptSource, matches, read_prompts
from evaluations.promptfoo.providers import (
    ProviderSource,
    list_models,
    read_named_providers,
    read_providers,
)
from evaluations.promptfoo.tests import read_default, read_tests

__all__ = ["PromptSource", "PromptfooConfig", "ProviderSource", "RunOptions", "read_config"]

# Each such text may take a worker process (docs/decisions/0015), and a page waits for all of them.
SECONDS: Final = 0.5
"""Processor time of all texts of a file that are expensive to fill or to check."""


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
    with bounded.limit_allowance(SECONDS):
        source = Source(files=files, render=render, variables=variables or {})
        read_models = read_named_providers if other_models else read_providers
        if tests_only:
            return _read(source, Document(value={"tests": name}, file=name), read_models)
        return _read_within(source, name, read_models)


ReadModels = Callable[[Source, Document], list[ProviderSource]]


def _read_within(source: Source, name: str, read_models: ReadModels) -> PromptfooConfig:
    document = source.document(source.files.locate(name))
    if not isinstance(document.value, dict):
        raise SuiteError("promptfoo.shape", at=name)
    return _read(source, document, read_models)


def _read(source: Source, document: Document, read_models: ReadModels) -> PromptfooConfig:
    config = document.mapping
    warn_of_keys(source, config, TOP, document, ())
    options = _options(source, document)
    default = read_default(source, document)
    cases = tuple(read_tests(source, document, default))
    prompts = tuple(read_prompts(source, document))
    providers = tuple(read_models(source, document))
    _refuse_unknown(cases, "prompt", [prompt.names for prompt in prompts])
    _refuse_unknown(cases, "provider", [provider.names for provider in providers])
    # A default that every test takes over is warned of once, not once a test.
    warnings = tuple(dict.fromkeys(source.warnings))
    description = str(config.get("description") or "")
    suite = Suite(
        name=description or document.file,
        cases=tuple(entry.case for entry in cases),
        warnings=warnings,
    )
    return PromptfooConfig(
        description=description,
        prompts=prompts,
        providers=providers,
        suite=suite,
        options=options,
        models=list_models(list_entries(default, "options")),
        cases=cases,
        warnings=warnings,
    )


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


def _options(source: Source, document: Document) -> RunOptions:
    config = document.mapping
    general = config.get("evaluateOptions")
    command_line = config.get("commandLineOptions")
    warn_of_keys(source, general, RUN, document, ("evaluateOptions",))
    warn_of_keys(source, command_line, COMMAND_LINE, document, ("commandLineOptions",))
    location = document.location("evaluateOptions")
    merged: dict[str, object] = {}
    for options in (general, command_line):  # the later one wins, as in promptfoo
        if options is not None and not isinstance(options, Mapping):
            raise SuiteError("promptfoo.evaluate-options", at=location)
        merged |= options or {}

    # Milliseconds there, seconds here; 0 means without a limit there.
    timeout = _number(merged, "timeoutMs", location)
    longest = _number(merged, "maxEvalTimeMs", location)
    return RunOptions(
        repeat=_whole(merged, "repeat", location),
        concurrency=_whole(merged, "maxConcurrency", location, most=MOST_AT_A_TIME),
        timeout_seconds=timeout / 1000 if timeout else None,
        max_seconds=longest / 1000 if longest else None,
        use_cache=merged.get("cache") is not False,
    )


def _number(options: Mapping[str, object], key: str, location: Location) -> float | None:
    value = options.get(key)
    if value is None:
        return None
    return number_in(value, key, location, least=0, most=math.inf)


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
