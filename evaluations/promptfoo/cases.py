"""Tests as cases: defaultTest put in, lists taken apart, variables and assertions filled."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeGuard

from core.language import gettext as _
from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.assertions import parse_assertion, unsupported
from evaluations.engine.formats.numbers import number_in
from evaluations.engine.formats.yaml_document import Document, KeyPath, load_document
from evaluations.engine.numbers import stringify
from evaluations.engine.scorers import SCORING
from evaluations.engine.scripts import SCRIPT, list_scripts, script_length
from evaluations.engine.types import Assertion, Case
from evaluations.promptfoo.assertions import Judging, Scripts, fill_assertion, read_assertions
from evaluations.promptfoo.code import (
    is_javascript,
    is_javascript_file,
    read_script,
    transform_variables,
)
from evaluations.promptfoo.files import Location, Source
from evaluations.promptfoo.keys import NO_CODE_IN_CASE, NO_CODE_IN_VARIABLES
from evaluations.promptfoo.values import combinations, resolve_variables

__all__ = ["CaseMaker", "ConfiguredCase", "ConfiguredTest", "list_entries", "read_variables"]

# What a test takes over from defaultTest where it says nothing itself.
INHERITED: Final = ("threshold", "prompts", "providers", "assertScoringFunction")
# Characters of all texts of a file that are filled in: each case keeps its own copy, so that a
# long variable of defaultTest and many tests would come to gigabytes.
LONGEST_FILLED: Final = 30_000_000
# Code that would change the answer before it is scored: without it every assertion of the test
# would judge another text than promptfoo's does.
CODE_OPTIONS: Final = ("transform", "postprocess")


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfiguredTest:
    """A test as it stands in a file."""

    entry: Mapping[str, object]
    document: Document
    path: KeyPath
    parts: tuple[tuple[Mapping[str, object], Document, KeyPath], ...] = ()
    """What it is put together of, the first one first: default, scenario, itself."""
    number: int = 0
    """Its number, from 0: in its list, or in its scenario."""
    scenario: int | None = None
    """The number of its scenario, from 0."""

    @property
    def location(self) -> Location:
        """Where it stands."""
        return self.document.location(*self.path)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfiguredCase:
    """A case, and which columns ask it."""

    case: Case
    location: Location
    description: str = ""
    """What its test is called in the file; several cases of one test share it."""
    test: int = 0
    """The number of its test, from 0: in its list, or in its scenario."""
    scenario: int | None = None
    """The number of its scenario, from 0; None where it belongs to none."""
    prompts: tuple[str, ...] | None = None
    """Names of prompts; None: all of them."""
    providers: tuple[str, ...] | None = None
    """Names of models; None: all of them."""


def list_entries(test: ConfiguredTest, key: str) -> Mapping[str, object]:
    """Return the object under a key of a test.

    Raises:
        SuiteError: it is none; names the place.
    """
    value = test.entry.get(key) or {}
    if not isinstance(value, Mapping):
        raise SuiteError("promptfoo.entries", at=test.document.location(*test.path, key), key=key)
    return value


@dataclass(frozen=True, kw_only=True, slots=True)
class _MergedTest:
    """A test with what it takes over from defaultTest."""

    entry: Mapping[str, object]
    """All keys but those below."""
    variables: Mapping[str, object]
    options: Mapping[str, object]
    metadata: Mapping[str, object]


class CaseMaker:
    """Makes cases of the tests of one configuration.

    Args:
        source: the configuration.
        default: its defaultTest.
        general: what the configuration says of metadata.
        default_source: where files are that the defaultTest names; else the configuration itself.
    """

    def __init__(
        self,
        source: Source,
        default: ConfiguredTest,
        general: Mapping[str, object],
        default_source: Source | None = None,
    ) -> None:
        self._source = source
        self._default_source = default_source or source
        self._default = default
        self._general = general
        self._filled = 0
        self._scripts: dict[str, Mapping[str, object]] = {}
        # By the judge that they ask: a file of thousands of tests reads its defaults once.
        self._default_assertions: dict[str, tuple[Assertion, ...]] = {}

    def cases(self, test: ConfiguredTest, count: int) -> Iterator[ConfiguredCase]:
        """Yield the cases of a test; `count` is how many there are before it."""
        location = test.location
        merged = self._merge_default(test)
        merged = self._change_variables(test, merged)
        entry, options = merged.entry, merged.options
        assertions = self._assertions(test, merged)
        prompts = _names(entry.get("prompts"), "prompts", location)
        providers = _names(entry.get("providers"), "providers", location)
        threshold = None
        if entry.get("threshold") is not None:
            threshold = number_in(entry["threshold"], "threshold", location, least=0, most=1)
        expanded = not options.get("disableVarExpansion")
        rows = combinations(self._source, merged.variables, location, expanded=expanded)
        for number, row in enumerate(rows):
            variables = resolve_variables(self._source, row, location)
            self._count(row, variables, assertions, location)
            checks = [
                fill_assertion(self._source, check, variables, location) for check in assertions
            ]
            case = Case(
                name=_name(entry, count, number),
                variables=variables,
                assertions=tuple(checks),
                threshold=threshold,
                metadata=merged.metadata,
                given_answer=_answer(entry.get("providerOutput")),
                prefix=str(options.get("prefix") or ""),
                suffix=str(options.get("suffix") or ""),
            )
            yield ConfiguredCase(
                case=case,
                location=location,
                description=str(entry.get("description") or ""),
                test=test.number,
                scenario=test.scenario,
                prompts=prompts,
                providers=providers,
            )

    def _count(
        self,
        row: Mapping[str, object],
        variables: Mapping[str, object],
        assertions: Iterable[Assertion],
        location: Location,
    ) -> None:
        """Refuse a file whose texts, filled in, would not fit into memory."""
        for assertion in assertions:
            # Every stored case has the files of its code in it.
            self._filled += sum(map(script_length, list_scripts(assertion)))
        for name, value in variables.items():
            # A text that nothing was filled into is one object in every case, and costs nothing.
            if isinstance(value, str) and value is not row.get(name):
                self._filled += len(value)
        if self._filled > LONGEST_FILLED:
            raise SuiteError("promptfoo.filled-too-long", at=location, most=f"{LONGEST_FILLED:,}")

    def _change_variables(self, test: ConfiguredTest, merged: _MergedTest) -> _MergedTest:
        """Return a test with what its transformVars makes of its variables."""
        code = merged.options.get("transformVars")
        if not code:
            return merged
        if not isinstance(code, str) or not is_javascript(code):
            self._source.warn(_(NO_CODE_IN_VARIABLES) % {"key": "transformVars"}, test.location)
            return merged
        is_own = "transformVars" in list_entries(test, "options")
        source = self._source if is_own else self._default_source
        variables = transform_variables(source, code, merged.variables, test.location)
        return replace(merged, variables=variables)

    def _merge_default(self, test: ConfiguredTest) -> _MergedTest:
        default = self._default
        entry = dict(test.entry)
        for key in INHERITED:
            if entry.get(key) is None and key in default.entry:
                entry[key] = default.entry[key]

        options = dict(list_entries(test, "options"))
        for key in ("prefix", "suffix"):
            # An empty one is none: that of all tests stays.
            if not options.get(key):
                options.pop(key, None)

        general = list_entries(default, "metadata") or self._general
        return _MergedTest(
            entry=entry,
            variables={
                **read_variables(self._default_source, default),
                **read_variables(self._source, test),
            },
            options={**list_entries(default, "options"), **options},
            metadata={**general, **list_entries(test, "metadata")},
        )

    def _assertions(self, test: ConfiguredTest, merged: _MergedTest) -> list[Assertion]:
        options = merged.options
        # The test's own judge, not the merged one: a run's usual judge is the one of defaultTest.
        judge = list_entries(test, "options").get("provider")
        judging = Judging(provider=judge, prompt=options.get("rubricPrompt"))
        own = list_entries(test, "options")
        transforms = self._transforms(options, own, test.location)
        assertions: list[Assertion] = []
        # True itself, as in promptfoo (=== true): "yes" or 1 leaves the defaults in.
        if options.get("disableDefaultAsserts") is not True:
            assertions += self._read_default(judging, transforms)
        for entry, document, path in test.parts or ((test.entry, test.document, test.path),):
            assertions += self._read_assertions(entry, document, path, judging, transforms)

        code = [key for key in CODE_OPTIONS if options.get(key) and not is_javascript(options[key])]
        for key in code:
            self._source.warn(_(NO_CODE_IN_CASE) % {"key": key}, test.location)
        scoring = merged.entry.get("assertScoringFunction")
        if is_javascript_file(scoring):
            if assertions:  # without any there is nothing to decide over
                assertions.append(self._read_scoring(str(scoring), test.location))
        elif scoring:
            self._source.warn(_(NO_CODE_IN_CASE) % {"key": "assertScoringFunction"}, test.location)
            code.append("assertScoringFunction")
        if not code or not assertions:
            return assertions
        # Left out, the code would leave a test that passes or fails for no reason of its author:
        # one assertion that cannot be scored makes it an error.
        why = _("“%(code)s” of the test would run code, which AutoForge never does") % {
            "code": code[0]
        }
        return [*assertions, parse_assertion(unsupported({"weight": 1.0}, why))]

    def _read_scoring(self, reference: str, location: Location) -> Assertion:
        if reference not in self._scripts:
            name = reference if reference.startswith("file://") else f"file://{reference}"
            self._scripts[reference] = read_script(self._source, name, location)
        return Assertion(type=SCORING, config={SCRIPT: self._scripts[reference]})

    def _transforms(
        self, options: Mapping[str, object], own: Mapping[str, object], location: Location
    ) -> Scripts:
        """Return what changes the answers of a test before its assertions see them.

        Args:
            options: with those of defaultTest.
            own: the test's.
            location: where the test stands.
        """
        key = next((key for key in CODE_OPTIONS if options.get(key)), "")
        code = options.get(key)
        if not isinstance(code, str) or not is_javascript(code):
            return ()
        if code not in self._scripts:
            source = self._source if key in own else self._default_source
            self._scripts[code] = read_script(source, code, location)
        return (self._scripts[code],)

    def _read_default(self, judging: Judging, transforms: Scripts) -> tuple[Assertion, ...]:
        default = self._default
        # Neither is a key of a dictionary; scripts are kept, so that an identity stays its own.
        key = repr((judging, *map(id, transforms)))
        if key not in self._default_assertions:
            assertions: list[Assertion] = []
            parts = default.parts or ((default.entry, default.document, default.path),)
            for entry, document, path in parts:  # several files have one each
                entries = entry.get("assert") or []
                here = (*path, "assert")
                assertions += read_assertions(
                    self._default_source, entries, document, here, judging, transforms
                )
            self._default_assertions[key] = tuple(assertions)
        return self._default_assertions[key]

    def _read_assertions(
        self,
        entry: Mapping[str, object],
        document: Document,
        path: KeyPath,
        judging: Judging,
        transforms: Scripts,
    ) -> tuple[Assertion, ...]:
        entries = entry.get("assert") or []
        return read_assertions(
            self._source, entries, document, (*path, "assert"), judging, transforms
        )


def read_variables(source: Source, test: ConfiguredTest) -> Mapping[str, object]:
    """Return the variables of a test; files of them are put together."""
    variables = test.entry.get("vars") or {}
    if isinstance(variables, Mapping):
        return variables
    references = [variables] if isinstance(variables, str) else variables
    location = test.document.location(*test.path, "vars")
    if not _is_list_of_texts(references):
        raise SuiteError("promptfoo.vars", at=location)
    merged: dict[str, object] = {}
    for reference in references:
        for path in source.paths(reference, location):
            value = load_document(source.load_text(path), path.name).value
            if not isinstance(value, dict):
                raise SuiteError("promptfoo.vars-file", at=path.name)
            merged |= value
    return merged


def _is_list_of_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _names(value: object, key: str, location: Location) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not _is_list_of_texts(value):
        raise SuiteError("promptfoo.names", at=location, key=key)
    return tuple(value)


def _name(entry: Mapping[str, object], count: int, number: int) -> str:
    description = str(entry.get("description") or "")
    if not description:
        return f"{count + number + 1}"
    # Names tell the cases of a suite apart, so the second row of one test has a number.
    return f"{description} ({number + 1})" if number else description


def _answer(value: object) -> str | None:
    """Return the answer that a test brings; an object goes as JSON."""
    # What JavaScript takes for false is no answer: promptfoo then asks the model.
    if value in (None, "", 0, False):
        return None
    return value if isinstance(value, str) else stringify(value)
