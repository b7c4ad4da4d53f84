"""The tests of a configuration, wherever they stand, as cases."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.assertions import parse_assertion, unsupported
from evaluations.engine.formats.promptfoo_assertions import filled, read_assertions
from evaluations.engine.formats.promptfoo_csv import csv_tests, table_tests
from evaluations.engine.formats.promptfoo_files import Source, Where, read_sheet, read_text
from evaluations.engine.formats.promptfoo_keys import OPTIONS, TEST, warn_of_keys
from evaluations.engine.formats.promptfoo_values import combinations, resolved, stringify
from evaluations.engine.formats.yaml_document import Document, load_document
from evaluations.engine.types import Assertion, Case

__all__ = ["FoundCase", "read_default", "read_tests"]

# What a test takes over from defaultTest where it says nothing itself.
INHERITED: Final = ("threshold", "prompts", "providers", "assertScoringFunction")
CODE_OPTIONS: Final = ("transform", "postprocess")

Keys = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundTest:
    """A test as it stands in a file."""

    given: Mapping[str, Any]
    document: Document
    path: Keys
    parts: tuple[tuple[Mapping[str, Any], Document, Keys], ...] = ()
    """What it is put together of, the first one first: default, scenario, itself."""

    @property
    def spot(self) -> Where:
        """Its place."""
        return self.document.spot(*self.path)


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundCase:
    """A case, and which columns ask it."""

    case: Case
    place: Where
    prompts: tuple[str, ...] | None = None
    """Names of prompts; None: all of them."""
    providers: tuple[str, ...] | None = None
    """Names of models; None: all of them."""


def read_default(source: Source, document: Document) -> FoundTest:
    """Return defaultTest, which may be a file."""
    given, path = document.value.get("defaultTest") or {}, ("defaultTest",)
    if isinstance(given, str):
        document, path = source.document(source.path(given, document.spot(*path))), ()  # type: ignore[assignment]  # shorter
        given = document.value or {}
    if not isinstance(given, Mapping):
        raise SuiteError(f"{document.spot(*path)}: defaultTest is an object or a file with one")
    _warn(source, given, document, path)
    return FoundTest(given=given, document=document, path=path)


def read_tests(source: Source, document: Document, default: FoundTest) -> list[FoundCase]:
    """Return the cases of all tests and scenarios; of none one case without variables.

    Raises:
        SuiteError: one is wrong; names the place.
    """
    config = document.value
    general = {"metadata": config["metadata"]} if isinstance(config.get("metadata"), dict) else {}
    tests = list(_listed(source, config.get("tests") or [], document, ("tests",)))
    if not tests and not config.get("scenarios"):
        tests = [FoundTest(given={}, document=document, path=())]
    tests += _of_scenarios(source, document)
    found: list[FoundCase] = []
    for test in tests:
        found += _cases(source, test, default, general, len(found))
    return found


def _warn(source: Source, test: Mapping[str, Any], document: Document, path: Keys) -> None:
    warn_of_keys(source, test, TEST, document, path)
    warn_of_keys(source, test.get("options"), OPTIONS, document, (*path, "options"))


def _of_scenarios(source: Source, document: Document) -> Iterator[FoundTest]:
    given, path = document.value.get("scenarios") or [], ("scenarios",)
    if isinstance(given, str):
        document, path = source.document(source.path(given, document.spot(*path))), ()  # type: ignore[assignment]  # shorter
        given = document.value or []
    for number, scenario in enumerate(given if isinstance(given, list) else [given]):
        here = (*path, number)
        if not isinstance(scenario, Mapping):
            raise SuiteError(f"{document.spot(*here)}: a scenario is an object with config")
        tests = list(_listed(source, scenario.get("tests") or [{}], document, (*here, "tests")))
        parts = list(_listed(source, scenario.get("config") or [{}], document, (*here, "config")))
        for part in parts:
            yield from (_joined(part, test) for test in tests)


def _joined(part: FoundTest, test: FoundTest) -> FoundTest:
    both = {**part.given, **test.given}
    for key in ("vars", "options", "metadata"):
        both[key] = {**_object(part, key), **_object(test, key)}
    parts = tuple((one.given, one.document, one.path) for one in (part, test))
    return FoundTest(given=both, document=test.document, path=test.path, parts=parts)


def _object(test: FoundTest, key: str) -> Mapping[str, Any]:
    value = test.given.get(key) or {}
    if not isinstance(value, Mapping):
        sentence = f"{key} is an object of names and values"
        raise SuiteError(f"{test.document.spot(*test.path, key)}: {sentence}")
    return value


def _listed(source: Source, given: Any, document: Document, path: Keys) -> Iterator[FoundTest]:
    if isinstance(given, Mapping) and isinstance(given.get("path"), str):
        given = [given]
    for number, test in enumerate(given if isinstance(given, list) else [given]):
        here = (*path, number) if isinstance(given, list) else path
        spot = document.spot(*here)
        if isinstance(test, Mapping) and isinstance(test.get("path"), str):
            test = test["path"]  # noqa: PLW2901 (its config is for code alone)
        if isinstance(test, str):
            yield from _of_files(source, test, spot)
        elif isinstance(test, Mapping):
            _warn(source, test, document, here)
            yield FoundTest(given=test, document=document, path=here)
        else:
            raise SuiteError(f"{spot}: a test is an object with vars and assert, or a file")


def _of_files(source: Source, reference: str, spot: Where) -> Iterator[FoundTest]:
    paths = source.paths(reference, spot)
    if not paths:
        raise SuiteError(f"{spot}: no file matches “{reference}”")
    for path in paths:
        suffix = path.suffix.lower()
        if suffix in (".csv", ".xlsx"):
            yield from _of_table(source, path, reference)
        elif suffix == ".jsonl":
            yield from _of_lines(source, path)
        else:
            document = source.document(path)
            yield from _listed(source, document.value or [], document, ())


def _of_table(source: Source, path: Path, reference: str) -> Iterator[FoundTest]:
    if path.suffix.lower() == ".xlsx":
        tests, warned = table_tests(iter(read_sheet(path, reference)), path.name)
    else:
        tests, warned = csv_tests(read_text(path), path.name)
    source.warnings.extend(warned)
    for line, test in tests:
        document = Document(value=test, file=path.name, marks={(): (line, 1)})
        yield FoundTest(given=test, document=document, path=())


def _of_lines(source: Source, path: Path) -> Iterator[FoundTest]:
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        document = Document(
            value=_json_line(line, path.name, number), file=path.name, marks={(): (number, 1)}
        )
        _warn(source, document.value, document, ())
        yield FoundTest(given=document.value, document=document, path=())


def _json_line(line: str, file: str, number: int) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise SuiteError(f"{file}, line {number}: this is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise SuiteError(f"{file}, line {number}: a test is an object with vars and assert")
    return found


def _cases(
    source: Source, test: FoundTest, default: FoundTest, general: Mapping[str, Any], count: int
) -> Iterator[FoundCase]:
    spot = test.spot
    both = _with_default(source, test, default, general)
    options = both["options"]
    assertions = _all_assertions(source, test, default, both)
    filters = {key: _names(both.get(key), key, spot) for key in ("prompts", "providers")}
    expanded = not options.get("disableVarExpansion")
    taken = combinations(source, both["vars"], spot, expanded=expanded)
    for number, given in enumerate(taken):
        variables = resolved(source, given, spot)
        case = Case(
            name=_name(both, count, number),
            variables=variables,
            assertions=tuple(filled(source, one, variables, spot) for one in assertions),
            threshold=_threshold(both.get("threshold"), spot),
            metadata=both["metadata"],
            given_answer=_answer(both.get("providerOutput")),
            prefix=str(options.get("prefix") or ""),
            suffix=str(options.get("suffix") or ""),
        )
        yield FoundCase(case=case, place=spot, **filters)


def _with_default(
    source: Source, test: FoundTest, default: FoundTest, general: Mapping[str, Any]
) -> dict[str, Any]:
    both = dict(test.given)
    for key in INHERITED:
        if both.get(key) is None and key in default.given:
            both[key] = default.given[key]
    both["vars"] = {**_variables(source, default), **_variables(source, test)}
    both["options"] = _options(_object(default, "options"), _object(test, "options"))
    both["metadata"] = {**(_object(default, "metadata") or general.get("metadata", {})),
                        **_object(test, "metadata")}  # fmt: skip
    return both


def _options(default: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    # An empty prefix or suffix of a test is none: that of all tests stays.
    empty = {key for key in ("prefix", "suffix") if not own.get(key)}
    return {**default, **{key: value for key, value in own.items() if key not in empty}}


def _variables(source: Source, test: FoundTest) -> Mapping[str, Any]:
    """Return the variables of a test; files of them are put together."""
    given = test.given.get("vars") or {}
    if isinstance(given, Mapping):
        return given
    references = [given] if isinstance(given, str) else given
    spot = test.document.spot(*test.path, "vars")
    if not isinstance(references, list) or not all(isinstance(one, str) for one in references):
        raise SuiteError(f"{spot}: vars is an object of names and values, or files with some")
    found: dict[str, Any] = {}
    for path in (path for one in references for path in source.paths(one, spot)):
        value = load_document(read_text(path), path.name).value
        if not isinstance(value, dict):
            raise SuiteError(f"{path.name}: a file of variables is an object of names and values")
        found |= value
    return found


def _all_assertions(
    source: Source, test: FoundTest, default: FoundTest, both: Mapping[str, Any]
) -> list[Assertion]:
    options = both["options"]
    own = test.parts or ((test.given, test.document, test.path),)
    inherits = options.get("disableDefaultAsserts") is not True
    whole = ((default.given, default.document, default.path),) if inherits else ()
    judge = _object(test, "options").get("provider")
    found = [
        assertion
        for given, document, path in (*whole, *own)
        for assertion in read_assertions(
            source, given.get("assert") or [], document, (*path, "assert"), judge
        )
    ]
    code = [key for key in CODE_OPTIONS if options.get(key)]
    code += ["assertScoringFunction"] if both.get("assertScoringFunction") else []
    if not code or not found:
        return found
    why = f"“{code[0]}” of the test would run code, which is never done here"
    return [*found, parse_assertion(unsupported({"weight": 1.0}, why))]


def _names(given: Any, key: str, spot: Where) -> tuple[str, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise SuiteError(f"{spot}: {key} is a list of names")
    return tuple(given)


def _name(both: Mapping[str, Any], count: int, number: int) -> str:
    described = str(both.get("description") or "")
    if not described:
        return f"{count + number + 1}"
    return f"{described} ({number + 1})" if number else described


def _answer(given: Any) -> str | None:
    """Return the answer that a test brings; an object goes as JSON."""
    if given in (None, "", 0, False):
        return None
    return given if isinstance(given, str) else stringify(given)


def _threshold(value: Any, place: Where) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise SuiteError(f"{place}: threshold is a number from 0 to 1")
    return float(value)
