"""Cases of test suites: list, add, read, edit, remove."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpResponse
from dmr import Path, Query
from dmr.plugins.msgspec import BodyMsgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from core.api.controllers import BaseController, empty, operation
from core.api.cursors import DEFAULT_LIMIT
from core.api.pages import CHANGES, READS, ById, Cursor, Limit, Search, take_page
from core.api.repeats import answer_once
from core.errors import NotFoundError
from core.services import find_row
from evaluations.models import TestCase, TestSuite
from evaluations.selectors import overview
from evaluations.services import suites

__all__ = ["Cases", "OneCase"]

Entry = dict[str, Any]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Weight = Annotated[float, Meta(ge=0)]
Position = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class CaseBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new case."""

    name: str
    """Display name; no other case of the suite has it."""
    variables: Entry = {}
    """Values of the prompt's variables, by name."""
    expected: str = ""
    """The expected answer, for comparison."""
    assertions: list[Entry] = []
    """What answers are checked by, each with a type and a value."""
    threshold: Fraction | None = None
    """The score that the case passes at; null: each assertion decides."""
    weight: Weight = 1.0
    """In the overall score."""
    tags: list[str] = []
    metadata: Entry = {}
    position: Position = 0
    """Order within the suite; ties are sorted by name."""
    enabled: bool = True
    """Whether runs ask it."""


class CaseChanges(Struct, kw_only=True, forbid_unknown_fields=True):
    """Changes to a case: what is missing stays."""

    suite_id: UUID | UnsetType = UNSET
    """The suite that it moves to."""
    name: str | UnsetType = UNSET
    variables: Entry | UnsetType = UNSET
    expected: str | UnsetType = UNSET
    assertions: list[Entry] | UnsetType = UNSET
    threshold: Fraction | UnsetType | None = UNSET
    weight: Weight | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET
    metadata: Entry | UnsetType = UNSET
    position: Position | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class CaseRead(Struct, kw_only=True):
    """A case of a suite."""

    id: str
    suite_id: str
    name: str
    variables: Entry
    expected: str
    assertions: list[Any]
    threshold: float | None
    weight: float
    tags: list[str]
    metadata: Entry
    position: int
    enabled: bool
    created_at: datetime
    updated_at: datetime


class CasePage(Struct, kw_only=True):
    """Some cases of a suite, in their order."""

    items: list[CaseRead]
    next_cursor: str | None = None
    """For the next page; null on the last one."""


class CaseQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which cases."""

    search: Search = ""
    """A part of name or expected answer."""
    enabled: bool | UnsetType = UNSET
    """Only cases that are run, or only those that are not."""
    cursor: Cursor = ""
    """`next_cursor` of the page before."""
    limit: Limit = DEFAULT_LIMIT


class Cases(BaseController):
    """Cases of a suite."""

    @operation(CasePage, permission="evaluations.view_testcase", problems=READS)
    def get(self, parsed_path: Path[ById], parsed_query: Query[CaseQuery]) -> HttpResponse:
        """List the cases of a suite in the order in which runs ask them."""
        suite = find_row(TestSuite, parsed_path.id)
        rows = overview.list_cases(
            suite.pk,
            search=parsed_query.search,
            enabled=None if parsed_query.enabled is UNSET else parsed_query.enabled,
        )
        page, next_cursor = take_page(
            rows, by=("position", "name"), cursor=parsed_query.cursor, limit=parsed_query.limit
        )
        items = [_as_body(case) for case in page]
        return self.to_response(CasePage(items=items, next_cursor=next_cursor))

    @operation(
        CaseRead,
        permission="evaluations.add_testcase",
        status=HTTPStatus.CREATED,
        problems=CHANGES,
    )
    def post(self, parsed_path: Path[ById], parsed_body: BodyMsgspec[CaseBody]) -> HttpResponse:
        """Add a case to a suite."""

        def work() -> HttpResponse:
            case = suites.create_case(suite_id=parsed_path.id, **_as_fields(parsed_body))
            return self.to_response(_as_body(case), status_code=HTTPStatus.CREATED)

        return answer_once(self.request, self.caller, work)


class OneCase(BaseController):
    """A case by its ID."""

    @operation(CaseRead, permission="evaluations.view_testcase", problems=READS)
    def get(self, parsed_path: Path[ById]) -> HttpResponse:
        """Read a case."""
        return self.to_response(_as_body(_find(parsed_path.id)))

    @operation(CaseRead, permission="evaluations.change_testcase", problems=CHANGES)
    def patch(self, parsed_path: Path[ById], parsed_body: BodyMsgspec[CaseChanges]) -> HttpResponse:
        """Change a case; runs keep the copy that they were made with."""
        fields = _as_fields(parsed_body)
        suite_id = fields.pop("suite_id", None) or _find(parsed_path.id).suite_id
        case = suites.edit_case(case_id=parsed_path.id, suite_id=suite_id, **fields)
        return self.to_response(_as_body(case))

    @operation(
        None,
        permission="evaluations.delete_testcase",
        status=HTTPStatus.NO_CONTENT,
        problems=READS,
    )
    def delete(self, parsed_path: Path[ById]) -> HttpResponse:
        """Remove a case for good; what runs have found of it stays."""
        suites.delete_cases([_find(parsed_path.id).pk])
        return empty(HTTPStatus.NO_CONTENT)


def _find(case_id: UUID) -> TestCase:
    """Return a case of a suite in use: what belongs to a suite in the trash is out of sight."""
    rows = TestCase.objects.filter(suite__deleted_at__isnull=True)
    case = rows.filter(pk=case_id).first()
    if case is None:
        raise NotFoundError("row.missing", kind=TestCase._meta.verbose_name, key=case_id)
    return case


def _as_fields(body: CaseBody | CaseChanges) -> Any:
    fields: dict[str, Any] = {}
    for name in body.__struct_fields__:
        value = getattr(body, name)
        if value is not UNSET:
            fields[name] = value
    return fields


def _as_body(case: TestCase) -> CaseRead:
    return CaseRead(
        id=str(case.pk),
        suite_id=str(case.suite_id),
        name=case.name,
        variables=case.variables,
        expected=case.expected,
        assertions=case.assertions,
        threshold=case.threshold,
        weight=case.weight,
        tags=case.tags,
        metadata=case.metadata,
        position=case.position,
        enabled=case.enabled,
        created_at=case.created_at,
        updated_at=case.updated_at,
    )
