"""The tests of a configuration, wherever they stand."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from core.tables import detect_format
from core.tables.values import UnsupportedValueError, plain
from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.tables import build_document, open_suite_table
from evaluations.engine.formats.yaml_document import Document
from evaluations.promptfoo.assertions import warn_of_judge
from evaluations.promptfoo.cases import (
    CaseMaker,
    FoundCase,
    FoundTest,
    list_entries,
)
from evaluations.promptfoo.csv import table_tests
from evaluations.promptfoo.files import Source, Where
from evaluations.promptfoo.keys import OPTIONS, PATH, SCENARIO, TEST, warn_of_keys
from evaluations.promptfoo.values import MOST_CASES, refuse_many

__all__ = ["read_default", "read_tests"]

Keys = tuple[Any, ...]
Within = tuple[PurePosixPath, ...]


def read_default(source: Source, document: Document) -> FoundTest:
    """Return defaultTest, which may be a file."""
    given, path = document.value.get("defaultTest") or {}, ("defaultTest",)
    if isinstance(given, str):
        document, path = source.document(source.path(given, document.spot(*path))), ()  # type: ignore[assignment]  # shorter
        given = document.value or {}
    if not isinstance(given, Mapping):
        raise SuiteError("promptfoo.default-test", at=document.spot(*path))
    _warn(source, given, document, path)
    return FoundTest(given=given, document=document, path=path)


def read_tests(source: Source, document: Document, default: FoundTest) -> list[FoundCase]:
    """Return the cases of all tests and scenarios; of none one case without variables.

    Raises:
        SuiteError: one is wrong; names the place.
    """
    config = document.value
    general = config["metadata"] if isinstance(config.get("metadata"), dict) else {}
    tests = list(_listed(source, config.get("tests") or [], document, ("tests",)))
    if not tests and config.get("tests"):
        what = str(config["tests"])[:100]
        raise SuiteError("promptfoo.no-tests", at=document.spot("tests"), what=what)
    if not tests and not config.get("scenarios"):
        tests = [FoundTest(given={}, document=document, path=())]
    tests += _of_scenarios(source, document)
    maker = CaseMaker(source, default, general)
    found: list[FoundCase] = []
    for test in tests:
        found += maker.cases(test, len(found))
        refuse_many(len(found), test.spot, MOST_CASES)
    return found


def _warn(source: Source, test: Mapping[str, Any], document: Document, path: Keys) -> None:
    warn_of_keys(source, test, TEST, document, path)
    options = test.get("options")
    warn_of_keys(source, options, OPTIONS, document, (*path, "options"))
    if isinstance(options, Mapping):
        warn_of_judge(source, options.get("provider"), document, (*path, "options", "provider"))


def _of_scenarios(source: Source, document: Document) -> Iterator[FoundTest]:
    given, path = document.value.get("scenarios") or [], ("scenarios",)
    if isinstance(given, str):
        document, path = source.document(source.path(given, document.spot(*path))), ()  # type: ignore[assignment]  # shorter
        given = document.value or []
    for number, scenario in enumerate(given if isinstance(given, list) else [given]):
        here = (*path, number)
        if not isinstance(scenario, Mapping):
            raise SuiteError("promptfoo.scenario", at=document.spot(*here))
        warn_of_keys(source, scenario, SCENARIO, document, here)
        tests = list(_listed(source, scenario.get("tests") or [{}], document, (*here, "tests")))
        parts = list(_listed(source, scenario.get("config") or [{}], document, (*here, "config")))
        refuse_many(len(parts) * len(tests), document.spot(*here))
        for part in parts:
            yield from (_joined(part, test) for test in tests)


def _joined(part: FoundTest, test: FoundTest) -> FoundTest:
    both = {**part.given, **test.given}
    for key in ("vars", "options", "metadata"):
        both[key] = {**list_entries(part, key), **list_entries(test, key)}
    parts = tuple((one.given, one.document, one.path) for one in (part, test))
    return FoundTest(given=both, document=test.document, path=test.path, parts=parts)


def _listed(
    source: Source, given: Any, document: Document, path: Keys, within: Within = ()
) -> Iterator[FoundTest]:
    if isinstance(given, Mapping) and isinstance(given.get("path"), str):
        given = [given]
    for number, test in enumerate(given if isinstance(given, list) else [given]):
        here = (*path, number) if isinstance(given, list) else path
        spot = document.spot(*here)
        if isinstance(test, Mapping) and isinstance(test.get("path"), str):
            warn_of_keys(source, test, PATH, document, here)
            test = test["path"]  # noqa: PLW2901 (its config is for code alone)
        if isinstance(test, str):
            yield from _of_files(source, test, spot, within)
        elif isinstance(test, Mapping):
            _warn(source, test, document, here)
            yield FoundTest(given=test, document=document, path=here)
        else:
            raise SuiteError("promptfoo.test-shape", at=spot)


def _of_files(source: Source, reference: str, spot: Where, within: Within) -> Iterator[FoundTest]:
    paths = source.paths(reference, spot)
    if not paths:
        raise SuiteError("promptfoo.no-match", at=spot, reference=reference)
    for path in paths:
        inside = source.open_list(path, spot, within)
        file_format = detect_format(path.name)
        if file_format in ("csv", "xlsx"):
            yield from _of_table(source, path, reference)
        elif file_format == "jsonl":
            yield from _of_lines(source, path)
        else:
            document = source.document(path)
            yield from _listed(source, document.value or [], document, (), inside)


def _of_table(source: Source, path: PurePosixPath, reference: str) -> Iterator[FoundTest]:
    table = open_suite_table(source.files.read(path), path.name, sheet=reference.partition("#")[2])
    tests, warned = table_tests(table, path.name)
    source.warnings.extend(warned)
    for document, test in tests:
        yield FoundTest(given=test, document=document.with_value(test), path=())


def _of_lines(source: Source, path: PurePosixPath) -> Iterator[FoundTest]:
    table = open_suite_table(source.files.read(path), path.name)
    for record in table:
        document = build_document(table, record, path.name)
        try:
            value = plain(record.value)
        except UnsupportedValueError as error:
            raise SuiteError(error.sentence, at=document.place()) from None
        if not isinstance(value, dict):
            raise SuiteError("promptfoo.test-fields", at=document.place())
        document = document.with_value(value)
        _warn(source, value, document, ())
        yield FoundTest(given=value, document=document, path=())
