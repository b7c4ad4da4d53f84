"""The tests of a configuration, wherever they stand."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from core.tables import detect_format
from core.tables.values import UnsupportedValueError, plain
from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.tables import build_document, open_suite_table
from evaluations.engine.formats.yaml_document import Document, KeyPath
from evaluations.promptfoo.assertions import warn_of_judge
from evaluations.promptfoo.cases import (
    CaseMaker,
    ConfiguredCase,
    ConfiguredTest,
    list_entries,
)
from evaluations.promptfoo.code import is_javascript_file, load_value
from evaluations.promptfoo.csv import table_tests
from evaluations.promptfoo.files import Location, Source
from evaluations.promptfoo.keys import OPTIONS, PATH, SCENARIO, TEST, warn_of_keys
from evaluations.promptfoo.values import MOST_CASES, refuse_many

__all__ = ["read_default", "read_tests"]

Within = tuple[PurePosixPath, ...]


def read_default(source: Source, document: Document) -> ConfiguredTest:
    """Return defaultTest, which may be a file."""
    entry, document, path = _follow(source, document, "defaultTest")
    entry = entry or {}
    if not isinstance(entry, Mapping):
        raise SuiteError("promptfoo.default-test", at=document.location(*path))
    _warn(source, entry, document, path)
    return ConfiguredTest(entry=entry, document=document, path=path)


def _follow(source: Source, document: Document, key: str) -> tuple[object, Document, KeyPath]:
    """Return what a key holds and where it stands: a text is the name of a file that holds it."""
    value = document.mapping.get(key)
    path: KeyPath = (key,)
    if not value or not isinstance(value, str):
        return value, document, path
    inner = source.document(source.path(value, document.location(*path)))
    return inner.value, inner, ()


def read_tests(
    source: Source,
    document: Document,
    default: ConfiguredTest,
    default_source: Source,
    metadata: Mapping[str, object],
    count: int = 0,
) -> list[ConfiguredCase]:
    """Return the cases of all tests and scenarios of a file.

    Args:
        source: the file and what it may name.
        document: what it holds.
        default: the defaultTest of all files together.
        default_source: where files are that it names.
        metadata: of all files together.
        count: how many cases there are before these.

    Raises:
        SuiteError: one is wrong; names the place.
    """
    config = document.mapping
    listed = _read_list(source, config.get("tests") or [], document, ("tests",))
    tests = [replace(test, number=number) for number, test in enumerate(listed)]
    if not tests and config.get("tests"):
        what = str(config["tests"])[:100]
        raise SuiteError("promptfoo.no-tests", at=document.location("tests"), what=what)
    tests += _read_scenarios(source, document)
    maker = CaseMaker(source, default, metadata, default_source)
    cases: list[ConfiguredCase] = []
    for test in tests:
        cases += maker.cases(test, count + len(cases))
        refuse_many(count + len(cases), test.location, MOST_CASES)
    return cases


def _warn(source: Source, test: Mapping[str, object], document: Document, path: KeyPath) -> None:
    warn_of_keys(source, test, TEST, document, path)
    options = test.get("options")
    warn_of_keys(source, options, OPTIONS, document, (*path, "options"))
    if isinstance(options, Mapping):
        warn_of_judge(source, options.get("provider"), document, (*path, "options", "provider"))


def _read_scenarios(source: Source, document: Document) -> Iterator[ConfiguredTest]:
    scenarios, document, path = _follow(source, document, "scenarios")
    scenarios = scenarios or []
    for number, scenario in enumerate(scenarios if isinstance(scenarios, list) else [scenarios]):
        here = (*path, number)
        if not isinstance(scenario, Mapping):
            raise SuiteError("promptfoo.scenario", at=document.location(*here))
        warn_of_keys(source, scenario, SCENARIO, document, here)
        tests = list(_read_list(source, scenario.get("tests") or [{}], document, (*here, "tests")))
        parts = list(
            _read_list(source, scenario.get("config") or [{}], document, (*here, "config"))
        )
        # Each part with each test: refused by their number, before any of them is made.
        refuse_many(len(parts) * len(tests), document.location(*here))
        for part in parts:
            for index, test in enumerate(tests):
                yield replace(_join(part, test), number=index, scenario=number)


def _join(part: ConfiguredTest, test: ConfiguredTest) -> ConfiguredTest:
    merged = {**part.entry, **test.entry}
    for key in ("vars", "options", "metadata"):
        merged[key] = {**list_entries(part, key), **list_entries(test, key)}
    parts = (
        (part.entry, part.document, part.path),
        (test.entry, test.document, test.path),
    )
    return ConfiguredTest(entry=merged, document=test.document, path=test.path, parts=parts)


def _read_list(
    source: Source, tests: object, document: Document, path: KeyPath, within: Within = ()
) -> Iterator[ConfiguredTest]:
    if _is_path(tests):
        tests = [tests]
    for number, test in enumerate(tests if isinstance(tests, list) else [tests]):
        here = (*path, number) if isinstance(tests, list) else path
        location = document.location(*here)
        if is_javascript_file(test):
            yield from _generate(source, str(test), (), location, within)
        elif isinstance(test, str):
            yield from _read_files(source, test, location, within)
        elif _is_path(test) and is_javascript_file(test["path"]):
            config = test.get("config")
            arguments = () if config is None else (config,)
            yield from _generate(source, test["path"], arguments, location, within)
        elif _is_path(test):
            # Its config is for code that makes tests, which is never run: the file is what counts.
            warn_of_keys(source, test, PATH, document, here)
            yield from _read_files(source, test["path"], location, within)
        elif isinstance(test, Mapping):
            _warn(source, test, document, here)
            yield ConfiguredTest(entry=test, document=document, path=here)
        else:
            raise SuiteError("promptfoo.test-shape", at=location)


def _is_path(value: object) -> bool:
    """Whether a value is {path: FILE, config: …} instead of a test."""
    return isinstance(value, Mapping) and isinstance(value.get("path"), str)


def _generate(
    source: Source,
    reference: str,
    arguments: tuple[object, ...],
    location: Location,
    within: Within,
) -> Iterator[ConfiguredTest]:
    """Yield the tests that a file of JavaScript makes."""
    tests = load_value(source, reference, arguments, location)
    if not isinstance(tests, list):
        raise SuiteError("promptfoo.no-tests", at=location, what=reference)
    document = Document(value=tests, file=reference.removeprefix("file://"))
    yield from _read_list(source, tests, document, (), within)


def _read_files(
    source: Source, reference: str, location: Location, within: Within
) -> Iterator[ConfiguredTest]:
    paths = source.paths(reference, location)
    if not paths:
        raise SuiteError("promptfoo.no-match", at=location, reference=reference)
    for path in paths:
        inside = source.open_list(path, location, within)
        file_format = detect_format(path.name)
        if file_format in ("csv", "xlsx"):
            yield from _read_table(source, path, reference)
        elif file_format == "jsonl":
            yield from _read_lines(source, path)
        else:
            document = source.document(path)
            yield from _read_list(source, document.value or [], document, (), inside)


def _read_table(source: Source, path: PurePosixPath, reference: str) -> Iterator[ConfiguredTest]:
    sheet = reference.partition("#")[2]  # promptfoo names a sheet of a workbook so
    table = open_suite_table(source.files.read(path), path.name, sheet=sheet)
    tests, warned = table_tests(table, path.name)
    source.warnings.extend(warned)
    for document, test in tests:
        yield ConfiguredTest(entry=test, document=document.with_value(test), path=())


def _read_lines(source: Source, path: PurePosixPath) -> Iterator[ConfiguredTest]:
    table = open_suite_table(source.files.read(path), path.name)
    for record in table:
        document = build_document(table, record, path.name)
        try:
            value = plain(record.value)
        except UnsupportedValueError as error:
            raise SuiteError(error.sentence, at=document.location()) from None
        if not isinstance(value, dict):
            raise SuiteError("promptfoo.test-fields", at=document.location())
        document = document.with_value(value)
        _warn(source, value, document, ())
        yield ConfiguredTest(entry=value, document=document, path=())
