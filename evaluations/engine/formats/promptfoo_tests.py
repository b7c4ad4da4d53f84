"""The tests of a configuration, wherever they stand."""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from autoforge.core.language import gettext as _
from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.promptfoo_assertions import warn_of_judge
from evaluations.engine.formats.promptfoo_cases import (
    CaseMaker,
    FoundCase,
    FoundTest,
    entries_of,
)
from evaluations.engine.formats.promptfoo_csv import csv_tests, table_tests
from evaluations.engine.formats.promptfoo_files import Source, Where, read_sheet
from evaluations.engine.formats.promptfoo_keys import OPTIONS, PATH, SCENARIO, TEST, warn_of_keys
from evaluations.engine.formats.promptfoo_values import MOST_CASES, refuse_many
from evaluations.engine.formats.yaml_document import Document

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
        raise SuiteError(
            _("%(spot)s: defaultTest is an object or a file with one")
            % {"spot": document.spot(*path)}
        )
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
            raise SuiteError(
                _("%(spot)s: a scenario is an object with config") % {"spot": document.spot(*here)}
            )
        warn_of_keys(source, scenario, SCENARIO, document, here)
        tests = list(_listed(source, scenario.get("tests") or [{}], document, (*here, "tests")))
        parts = list(_listed(source, scenario.get("config") or [{}], document, (*here, "config")))
        refuse_many(len(parts) * len(tests), document.spot(*here))
        for part in parts:
            yield from (_joined(part, test) for test in tests)


def _joined(part: FoundTest, test: FoundTest) -> FoundTest:
    both = {**part.given, **test.given}
    for key in ("vars", "options", "metadata"):
        both[key] = {**entries_of(part, key), **entries_of(test, key)}
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
            raise SuiteError(
                _("%(spot)s: a test is an object with vars and assert, or a file") % {"spot": spot}
            )


def _of_files(source: Source, reference: str, spot: Where, within: Within) -> Iterator[FoundTest]:
    paths = source.paths(reference, spot)
    if not paths:
        raise SuiteError(
            _("%(spot)s: no file matches “%(reference)s”") % {"spot": spot, "reference": reference}
        )
    for path in paths:
        inside = source.open_list(path, spot, within)
        suffix = path.suffix.lower()
        if suffix in (".csv", ".xlsx"):
            yield from _of_table(source, path, reference)
        elif suffix == ".jsonl":
            yield from _of_lines(source, path)
        else:
            document = source.document(path)
            yield from _listed(source, document.value or [], document, (), inside)


def _of_table(source: Source, path: PurePosixPath, reference: str) -> Iterator[FoundTest]:
    if path.suffix.lower() == ".xlsx":
        tests, warned = table_tests(
            iter(read_sheet(source.files.read(path), path.name, reference)), path.name
        )
    else:
        tests, warned = csv_tests(source.load_text(path), path.name)
    source.warnings.extend(warned)
    for line, test in tests:
        document = Document(value=test, file=path.name, marks={(): (line, 1)})
        yield FoundTest(given=test, document=document, path=())


def _of_lines(source: Source, path: PurePosixPath) -> Iterator[FoundTest]:
    for number, line in enumerate(source.load_text(path).split("\n"), start=1):
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
        raise SuiteError(
            _("%(file)s, line %(number)s: this is not JSON: %(error)s")
            % {"file": file, "number": number, "error": error}
        ) from None
    if not isinstance(found, dict):
        raise SuiteError(
            _("%(file)s, line %(number)s: a test is an object with vars and assert")
            % {"file": file, "number": number}
        )
    return found
