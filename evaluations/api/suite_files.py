"""Suites in and out of files: the body of a request is the file, in any format that is known."""

from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Final, Literal

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from dmr import Path, Query, ResponseSpec
from dmr.plugins.msgspec import MsgspecJsonRenderer
from msgspec import Meta, Struct

from core.api.controllers import BaseController, need_permission, operation
from core.api.pages import CHANGES, READS, ById
from core.api.repeats import answer_once
from core.errors import InvalidInputError
from core.sentences import Sentence
from evaluations.api.suites import SuiteRead, read_suite_row
from evaluations.engine.files import Uploads
from evaluations.engine.formats.summary import describe_checks
from evaluations.engine.formats.tables import parse_check, parse_mapping
from evaluations.engine.types import Suite
from evaluations.services import suites
from evaluations.suite_files import FORMATS, UPLOAD_LIMITS, read_suite_in, write_suite

__all__ = ["SuiteExport", "SuiteImport"]

# What a file of each format is called: its name tells the readers what it is.
SUFFIXES: Final = {
    "yaml": ".yaml",
    "json": ".json",
    "jsonl": ".jsonl",
    "csv": ".csv",
    "xlsx": ".xlsx",
    "promptfoo": ".yaml",  # a configuration is told from a suite by what it holds
}
OF_TYPES: Final = {
    "application/json": "json",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/yaml": "yaml",
    "application/x-yaml": "yaml",
    "text/yaml": "yaml",
    "text/csv": "csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
TEXT_TYPES: Final = {
    "yaml": "application/yaml",
    "promptfoo": "application/yaml",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
}
PLAIN_TYPES: Final = ("application/yaml", "text/csv", "application/x-ndjson", "text/plain")
DEFAULT_NAME: Final = "suite"


class ImportQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """How the file is read."""

    __dmr_force_list__: ClassVar = frozenset({"mapping"})

    format: Literal["", "yaml", "json", "jsonl", "csv", "xlsx", "promptfoo"] = ""
    """Format of the body; else its content type says it."""
    name: Annotated[str, Meta(max_length=255)] = ""
    """What the suite is called; else what the file says."""
    replace: bool = False
    """Whether the cases of an existing suite with this name are replaced."""
    dry_run: bool = False
    """Whether everything is checked and nothing saved."""
    mapping: list[str] = []
    """For plain tables: `expected=Answer`, `variables.question=Question`; may be repeated."""
    assertion: Annotated[str, Meta(max_length=2000)] = ""
    """For plain tables: how answers are compared with the expected one, such as `exact`."""


class ExportQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """How the file is written."""

    format: Literal["yaml", "promptfoo", "csv", "jsonl"] = "yaml"
    """Format of the file."""


class Imported(Struct, kw_only=True):
    """What a file held."""

    suite: SuiteRead | None
    """The suite that was saved; null after a dry run."""
    name: str
    cases: int
    checks: list[str]
    """What the import compares and what it does not, in sentences."""
    warnings: list[str]
    """What was read, but perhaps not as its writer meant it."""


class SuiteImport(BaseController):
    """A suite in a file."""

    @operation(
        Imported,
        permission="evaluations.add_testsuite",
        status=HTTPStatus.CREATED,
        problems=[*CHANGES, HTTPStatus.REQUEST_ENTITY_TOO_LARGE],
        also=[ResponseSpec(Imported, status_code=HTTPStatus.OK, description="After a dry run")],
        file_types=list(OF_TYPES),
    )
    def post(self, parsed_query: Query[ImportQuery]) -> HttpResponse:
        """Import the suite that the body holds, all or nothing; code in it is never executed.

        The body is the file itself, up to 20 MB: YAML of AutoForge or promptfoo, JSON, JSON Lines,
        CSV or XLSX. Files that it names with file:// are refused.
        """
        need_permission(self.caller, "evaluations.change_testsuite")

        def work() -> HttpResponse:
            suite = _read(self.request, parsed_query)
            if parsed_query.dry_run:
                suites.check_suite(suite, replace_cases=parsed_query.replace)
                return self.to_response(_as_body(suite, None), status_code=HTTPStatus.OK)
            row, _count = suites.store_suite(suite, replace_cases=parsed_query.replace)
            body = _as_body(suite, read_suite_row(row.pk))
            return self.to_response(body, status_code=HTTPStatus.CREATED)

        return answer_once(self.request, self.caller, work)


class SuiteExport(BaseController):
    """A suite as a file."""

    # Whoever asks for the file's own type gets it: these are only negotiated with.
    renderers: ClassVar[Any] = (
        *BaseController.renderers,
        *[MsgspecJsonRenderer(content_type) for content_type in PLAIN_TYPES],
    )

    @operation(Any, permission="evaluations.view_testsuite", problems=[*READS, HTTPStatus.CONFLICT])
    def get(self, parsed_path: Path[ById], parsed_query: Query[ExportQuery]) -> HttpResponse:
        """Export a suite with its cases."""
        kind = parsed_query.format
        text = write_suite(suites.load_suite(parsed_path.id), kind)
        name = f"suite-{str(parsed_path.id)[:8]}.{FORMATS[kind].suffix}"
        return HttpResponse(
            text,
            content_type=TEXT_TYPES[kind],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _read(request: HttpRequest, query: ImportQuery) -> Suite:
    content_type = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    kind = query.format or OF_TYPES.get(content_type, "")
    if not kind:
        names = ", ".join(sorted(SUFFIXES))
        raise InvalidInputError({"format": Sentence("suite.upload-format", names=names)})
    body = request.body
    if len(body) > UPLOAD_LIMITS.size_bytes:
        raise RequestDataTooBig
    file = f"{DEFAULT_NAME}{SUFFIXES[kind]}"
    return read_suite_in(
        Uploads({file: body}),
        file,
        name=query.name,
        default_name=DEFAULT_NAME,
        mapping=parse_mapping(query.mapping) or None,
        assertion=parse_check(query.assertion),
        limits=UPLOAD_LIMITS,
    )


def _as_body(suite: Suite, row: SuiteRead | None) -> Imported:
    return Imported(
        suite=row,
        name=suite.name,
        cases=len(suite.cases),
        checks=describe_checks(suite),
        warnings=[str(notice) for notice in suite.warnings],
    )
