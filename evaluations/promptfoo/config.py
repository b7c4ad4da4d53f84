"""promptfoo's configurations: prompts, providers and tests, read from files, nothing executed.

    promptfoo ──▶ prompts, providers, tests ──▶ cases ──▶ assertions, values ──▶ files, keys

Everything that is read and not carried out is a warning with its place.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from core import bounded
from core.language import gettext as _
from evaluations.engine.errors import SuiteError
from evaluations.engine.files import Files
from evaluations.engine.formats.numbers import number_in
from evaluations.engine.formats.yaml_document import Document
from evaluations.engine.providers.base import MOST_AT_A_TIME
from evaluations.engine.types import ImportNotice, Suite
from evaluations.promptfoo.cases import FoundCase
from evaluations.promptfoo.files import Render, Source, Where
from evaluations.promptfoo.keys import COMMAND_LINE, RUN, TOP, warn_of_keys
from evaluations.promptfoo.prompts import PromptSource, matches, read_prompts
from evaluations.promptfoo.providers import (
    ProviderSource,
    list_models,
    read_providers,
)
from evaluations.promptfoo.tests import read_default, read_tests

__all__ = ["PromptSource", "PromptfooConfig", "ProviderSource", "RunOptions", "read_config"]

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
    found: tuple[FoundCase, ...]
    """The suite's cases, each with the prompts and models that it is for."""
    warnings: tuple[ImportNotice, ...]


def read_config(
    files: Files, name: str, render: Render, *, tests_only: bool = False
) -> PromptfooConfig:
    """Read a configuration and the files that it names.

    Args:
        files: where the configuration is, and everything that it may name.
        name: the configuration's name there; with `tests_only` that of a table of tests.
        render: fills the texts of assertions with variables; ValueError where it cannot.
        tests_only: whether the file holds tests and nothing else.

    Raises:
        SuiteError: one sentence with file, line and column.
    """
    with bounded.limit_allowance(SECONDS):
        return _read_within(Source(files=files, render=render), name, tests_only=tests_only)


def _read_within(source: Source, name: str, *, tests_only: bool) -> PromptfooConfig:
    if tests_only:
        return _read(source, Document(value={"tests": name}, file=name))
    document = source.document(source.files.locate(name))
    if not isinstance(document.value, dict):
        raise SuiteError("promptfoo.shape", at=name)
    return _read(source, document)


def _read(source: Source, document: Document) -> PromptfooConfig:
    config = document.value
    warn_of_keys(source, config, TOP, document, ())
    options = _options(source, document)
    default = read_default(source, document)
    found = tuple(read_tests(source, document, default))
    prompts = tuple(read_prompts(source, document))
    providers = tuple(read_providers(source, document))
    _refuse_unknown(found, "prompt", [one.names for one in prompts])
    _refuse_unknown(found, "provider", [one.names for one in providers])
    warnings = tuple(dict.fromkeys(source.warnings))
    description = str(config.get("description") or "")
    cases = tuple(one.case for one in found)
    return PromptfooConfig(
        description=description,
        prompts=prompts,
        providers=providers,
        suite=Suite(name=description or document.file, cases=cases, warnings=warnings),
        options=options,
        models=list_models(default.given.get("options") or {}),
        found=found,
        warnings=warnings,
    )


def _refuse_unknown(found: Iterable[FoundCase], kind: str, names: list[tuple[str, ...]]) -> None:
    """Refuse a filter that lets nothing through because nothing is called so."""
    for one in found:
        for reference in (one.prompts if kind == "prompt" else one.providers) or ():
            if names and not any(matches(reference, known) for known in names):
                there = ", ".join(known[0][:60] for known in names[:20])
                raise SuiteError(
                    "promptfoo.unknown-reference",
                    at=one.place,
                    kind=kind,
                    reference=reference,
                    there=there,
                )


def _options(source: Source, document: Document) -> RunOptions:
    config = document.value
    general, line = config.get("evaluateOptions"), config.get("commandLineOptions")
    warn_of_keys(source, general, RUN, document, ("evaluateOptions",))
    warn_of_keys(source, line, COMMAND_LINE, document, ("commandLineOptions",))
    place = document.spot("evaluateOptions")
    found = dict(_objects((general, line), place))
    timeout = _number(found, "timeoutMs", place)
    longest = _number(found, "maxEvalTimeMs", place)
    return RunOptions(
        repeat=_whole(found, "repeat", place),
        concurrency=_whole(found, "maxConcurrency", place, most=MOST_AT_A_TIME),
        timeout_seconds=timeout / 1000 if timeout else None,
        max_seconds=longest / 1000 if longest else None,
        use_cache=found.get("cache") is not False,
    )


def _objects(given: Iterable[Any], place: Where) -> Iterator[tuple[str, Any]]:
    for one in given:
        if one is not None and not isinstance(one, Mapping):
            raise SuiteError("promptfoo.evaluate-options", at=place)
        yield from (one or {}).items()


def _number(found: Mapping[str, Any], key: str, place: Where) -> float | None:
    value = found.get(key)
    return None if value is None else number_in(value, key, place, least=0, most=math.inf)


def _whole(
    found: Mapping[str, Any], key: str, place: Where, *, most: float = math.inf
) -> int | None:
    value = _number(found, key, place)
    if value is not None and not (1 <= value <= most and value.is_integer()):
        allowed = (
            _("of at least 1") if most == math.inf else _("from 1 to %(most)s") % {"most": most}
        )
        raise SuiteError("promptfoo.whole-number", at=place, key=key, allowed=allowed)
    return None if value is None else int(value)
