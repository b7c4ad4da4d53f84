"""Suites in and out of files: read whole and checked before anything is written."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from autoforge.core.errors import InvalidInputError
from autoforge.core.writing import check_fields, find_row
from evaluations.engine.errors import SuiteError
from evaluations.engine.files import Files, Folder
from evaluations.engine.formats.assertions import assertion_as_dict
from evaluations.engine.formats.documents import case_from_document
from evaluations.engine.formats.promptfoo import PromptfooConfig, read_config
from evaluations.engine.formats.promptfoo_csv import csv_tests
from evaluations.engine.formats.promptfoo_export import write_promptfoo
from evaluations.engine.formats.suite_file import is_suite_file, read_suite_file, write_suite_file
from evaluations.engine.formats.table_writers import write_csv, write_jsonl
from evaluations.engine.formats.tables import is_our_table, read_table
from evaluations.engine.formats.yaml_document import load_document
from evaluations.engine.providers.keys import find_secret
from evaluations.engine.types import Case, Suite, Warned
from evaluations.models import TestCase, TestSuite
from prompts import interface as prompts

__all__ = [
    "FORMATS",
    "folder_beside",
    "read_suite",
    "read_suite_of",
    "store_suite",
    "suite_of_row",
    "write_suite",
]

FORMATS: Final = ("yaml", "promptfoo", "csv", "jsonl")
SUFFIXES: Final = (".yaml", ".yml", ".json", ".jsonl", ".csv", ".xlsx")
WRITERS: Final = {
    "yaml": write_suite_file,
    "promptfoo": write_promptfoo,
    "csv": write_csv,
    "jsonl": write_jsonl,
}
BATCH: Final = 500


def read_suite(
    path: Path,
    *,
    name: str = "",
    mapping: Mapping[str, str] | None = None,
    assertion: Mapping[str, Any] | None = None,
) -> Suite:
    """Return the suite of a file of this machine that somebody typed; for commands alone.

    Args:
        path: the file; what it names is read in its folder and nowhere else.
        name: what the suite is to be called; else what the file says, else the file's name.
        mapping: for plain tables: column → part of a case.
        assertion: for plain tables: the check of each case that has none.

    Raises:
        SuiteError: one sentence with file, line and column.
    """
    files = folder_beside(path)
    return read_suite_of(files, path.name, name=name, mapping=mapping, assertion=assertion)


def folder_beside(path: Path) -> Folder:
    """Return the folder of a file that somebody typed; no file in it may hold a key of ours."""
    environment = settings.PROVIDER_ENVIRONMENT
    keys = {key: text for key, text in environment.items() if find_secret({key: text})}
    return Folder.beside(path, secrets={"SECRET_KEY": settings.SECRET_KEY, **keys})


def read_suite_of(
    files: Files,
    file: str,
    *,
    name: str = "",
    usual_name: str = "",
    mapping: Mapping[str, str] | None = None,
    assertion: Mapping[str, Any] | None = None,
) -> Suite:
    """Return the suite that a file holds, whatever of the known formats it is in.

    A table whose header has columns with two underscores is promptfoo's; with a mapping it is not.

    Args:
        files: where the file is, and everything that it may name.
        file: its name there.
        name: what the suite is to be called; else what the file says, else `usual_name`.
        usual_name: else the file's name.
        mapping: for plain tables: column → part of a case.
        assertion: for plain tables: the check of each case that has none.

    Raises:
        SuiteError: one sentence with file, line and column.
    """
    suffix, usual_name = PurePath(file).suffix.lower(), usual_name or PurePath(file).stem
    if suffix not in SUFFIXES:
        raise SuiteError(
            _("%(name)s: the name must end in %(known)s")
            % {"name": file, "known": ", ".join(SUFFIXES)}
        )
    text = "" if suffix == ".xlsx" else _text(files, file)
    plain = {"name": name or usual_name, "mapping": mapping, "assertion": assertion}
    is_plain = bool(mapping) or "__" not in text.partition("\n")[0] or is_our_table(text)
    if suffix == ".csv" and is_plain:
        return read_table(text, file, **plain)  # type: ignore[arg-type]  # one dictionary for both
    if suffix in (".csv", ".xlsx"):
        return replace(_promptfoo_table(files, file), name=name or usual_name)
    if suffix == ".jsonl" or text.lstrip().startswith("["):
        return read_table(text, file, **plain)  # type: ignore[arg-type]  # as above
    document = load_document(text, file)
    if is_suite_file(document):
        found = read_suite_file(text, file)
        return replace(found, name=name) if name else found
    suite = _without_prompts(read_config(files, file, prompts.fill_text))
    return replace(_unique(suite), name=name or suite.name[:255])


def _without_prompts(config: PromptfooConfig) -> Suite:
    """Return the suite of a configuration; what depends on its prompts is left out, and said."""
    suite = config.suite
    said = []
    if any(case.prefix or case.suffix for case in suite.cases):
        said.append("prefix and suffix belong to prompts, and a suite has none: they are left out")
    if any((one.prompts, one.providers) != (None, None) for one in config.found):
        said.append("a suite is for all prompts and models: prompts and providers are left out")
    cases = (replace(case, prefix="", suffix="") for case in suite.cases)
    warnings = (*suite.warnings, *(Warned(message=one) for one in said))
    return replace(suite, cases=tuple(cases), warnings=warnings)


def _text(files: Files, file: str) -> str:
    try:
        return files.read(files.locate(file)).decode("utf-8-sig")  # line ends as they are
    except UnicodeDecodeError as error:
        raise SuiteError(
            _("%(name)s is not UTF-8 (byte %(byte)d)") % {"name": file, "byte": error.start + 1}
        ) from None


def _promptfoo_table(files: Files, file: str) -> Suite:
    """Return a table in promptfoo's columns, read by way of a configuration that names it."""
    if file.lower().endswith(".csv"):
        csv_tests(_text(files, file), file)  # its errors name the file's lines
    return _unique(_without_prompts(read_config(files, file, prompts.fill_text, tests_only=True)))


def _unique(suite: Suite) -> Suite:
    """Return a suite whose cases have different names: the second x is called x (2)."""
    seen: Counter[str] = Counter()
    cases = []
    for case in suite.cases:
        seen[case.name] += 1
        number = seen[case.name]
        name = case.name[:240] if number == 1 else f"{case.name[:240]} ({number})"
        cases.append(replace(case, name=name))
    return replace(suite, cases=tuple(cases))


@transaction.atomic
def store_suite(suite: Suite, *, replace_cases: bool = False) -> tuple[TestSuite, int]:
    """Write a suite with its cases, all or nothing; return it and how many cases it has now.

    Args:
        suite: what was read.
        replace_cases: whether the cases of a suite of this name are replaced, and its description
            where the file has one; earlier runs keep their copies.

    Raises:
        InvalidInputError: the name is taken, or a case does not fit; names the case.
    """
    row = TestSuite.objects.filter(name=suite.name).first()
    if row is not None and not replace_cases:
        sentence = _(
            "a suite is called “%(name)s” already; rename this one or replace its cases"
        ) % {"name": suite.name}
        raise InvalidInputError({"name": sentence})
    if row is None:
        row = TestSuite(name=suite.name, description=suite.description)
        check_fields(row)
        row.save(force_insert=True)
    else:
        row.description = suite.description or row.description
        check_fields(row)
        row.save()
        row.cases.all().delete()
    rows = [_row(row, case, place) for place, case in enumerate(suite.cases)]
    TestCase.objects.bulk_create(rows, batch_size=BATCH)
    return row, len(rows)


def _row(suite: TestSuite, case: Case, position: int) -> TestCase:
    metadata = dict(case.metadata)
    row = TestCase(
        suite=suite,
        name=case.name,
        variables=dict(case.variables),
        expected=case.expected,
        assertions=[assertion_as_dict(one) for one in case.assertions],
        threshold=case.threshold,
        weight=case.weight,
        tags=list(case.tags),
        metadata=metadata,
        position=position,
        enabled=case.enabled,
    )
    try:
        check_fields(row, exclude={"suite"})
    except InvalidInputError as error:
        raise InvalidInputError(
            {"cases": _("case “%(name)s”: %(error)s") % {"name": case.name, "error": error}}
        ) from error
    return row


def suite_of_row(suite_id: UUID | str) -> Suite:
    """Return a stored suite with all of its cases.

    Raises:
        NotFoundError: there is no such suite, or it is deleted.
        SuiteError: an assertion of it is wrong; names the case.
    """
    row = find_row(TestSuite, suite_id)
    cases = TestCase.objects.filter(suite=row).order_by("position", "name")
    return Suite(name=row.name, description=row.description, cases=tuple(_cases(cases)))


def _cases(rows: Iterable[TestCase]) -> Iterable[Case]:
    for row in rows:
        document = {
            "variables": row.variables,
            "expected": row.expected,
            "assertions": row.assertions,
            "threshold": row.threshold,
            "tags": row.tags,
            "metadata": row.metadata,
        }
        try:
            case = case_from_document(row.name, document, row.weight)
        except SuiteError as error:
            raise SuiteError(
                _("case “%(name)s”: %(error)s") % {"name": row.name, "error": error}
            ) from error
        yield replace(case, enabled=row.enabled)


def write_suite(suite: Suite, kind: str) -> str:
    """Return a suite as a file in one of FORMATS."""
    return WRITERS[kind](suite)
