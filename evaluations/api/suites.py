"""Test suites: list, create, read, edit, put into the trash, take back."""

from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from dmr import Path, Query
from dmr.plugins.msgspec import BodyMsgspec
from msgspec import UNSET, Struct, UnsetType

from core.api.controllers import BaseController, empty, operation
from core.api.cursors import DEFAULT_LIMIT
from core.api.pages import CHANGES, READS, ById, Cursor, Limit, PageQuery, Search, take_page
from core.api.repeats import answer_once
from core.errors import NotFoundError
from evaluations.models import TestSuite
from evaluations.selectors import overview
from evaluations.services import suites

__all__ = ["OneSuite", "SuiteRead", "Suites", "TrashedSuite", "TrashedSuites", "read_suite_row"]


class SuiteBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new suite, without cases."""

    name: str
    """Display name; no other suite has it."""
    description: str = ""
    """What it tests, and why."""


class SuiteChanges(Struct, kw_only=True, forbid_unknown_fields=True):
    """Changes to a suite: what is missing stays."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class SuiteRead(Struct, kw_only=True):
    """A suite."""

    id: str
    name: str
    description: str
    cases: int
    """How many cases it has."""
    enabled_cases: int
    """How many of them a run asks."""
    created_at: datetime
    updated_at: datetime


class SuitePage(Struct, kw_only=True):
    """Some suites."""

    items: list[SuiteRead]
    next_cursor: str | None = None
    """For the next page; null on the last one."""


class SuiteQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which suites."""

    search: Search = ""
    """A part of name or description."""
    name: Search = ""
    """The whole name."""
    cursor: Cursor = ""
    """`next_cursor` of the page before."""
    limit: Limit = DEFAULT_LIMIT


class Suites(BaseController):
    """Test suites in use."""

    @operation(SuitePage, permission="evaluations.view_testsuite", problems=READS)
    def get(self, parsed_query: Query[SuiteQuery]) -> HttpResponse:
        """List test suites by name."""
        rows = overview.list_suites(search=parsed_query.search, name=parsed_query.name)
        page, next_cursor = take_page(
            rows, by=("name",), cursor=parsed_query.cursor, limit=parsed_query.limit
        )
        items = [_as_body(suite) for suite in page]
        return self.to_response(SuitePage(items=items, next_cursor=next_cursor))

    @operation(
        SuiteRead,
        permission="evaluations.add_testsuite",
        status=HTTPStatus.CREATED,
        problems=CHANGES,
    )
    def post(self, parsed_body: BodyMsgspec[SuiteBody]) -> HttpResponse:
        """Create a test suite without cases."""

        def work() -> HttpResponse:
            suite = suites.create_suite(name=parsed_body.name, description=parsed_body.description)
            return self.to_response(read_suite_row(suite.pk), status_code=HTTPStatus.CREATED)

        return answer_once(self.request, self.caller, work)


class OneSuite(BaseController):
    """A test suite by its ID."""

    @operation(SuiteRead, permission="evaluations.view_testsuite", problems=READS)
    def get(self, parsed_path: Path[ById]) -> HttpResponse:
        """Read a test suite."""
        return self.to_response(read_suite_row(parsed_path.id))

    @operation(SuiteRead, permission="evaluations.change_testsuite", problems=CHANGES)
    def patch(
        self, parsed_path: Path[ById], parsed_body: BodyMsgspec[SuiteChanges]
    ) -> HttpResponse:
        """Change name or description of a test suite; its cases stay."""
        changes: dict[str, Any] = {}
        for name in parsed_body.__struct_fields__:
            value = getattr(parsed_body, name)
            if value is not UNSET:
                changes[name] = value
        suites.edit_suite(suite_id=parsed_path.id, **changes)
        return self.to_response(read_suite_row(parsed_path.id))

    @operation(
        None,
        permission="evaluations.delete_testsuite",
        status=HTTPStatus.NO_CONTENT,
        problems=READS,
    )
    def delete(self, parsed_path: Path[ById]) -> HttpResponse:
        """Put a test suite into the trash; its cases and runs stay."""
        if not suites.delete_suites([parsed_path.id]):
            kind = TestSuite._meta.verbose_name
            raise NotFoundError("row.missing", kind=kind, key=parsed_path.id)
        return empty(HTTPStatus.NO_CONTENT)


class TrashedSuites(BaseController):
    """Test suites in the trash."""

    @operation(SuitePage, permission="evaluations.view_testsuite", problems=READS)
    def get(self, parsed_query: Query[PageQuery]) -> HttpResponse:
        """List test suites in the trash."""
        rows = overview.list_suites(deleted=True)
        page, next_cursor = take_page(
            rows, by=("name", "pk"), cursor=parsed_query.cursor, limit=parsed_query.limit
        )
        items = [_as_body(suite) for suite in page]
        return self.to_response(SuitePage(items=items, next_cursor=next_cursor))


class TrashedSuite(BaseController):
    """A test suite in the trash, by its ID: several there may have the same name."""

    @operation(SuiteRead, permission="evaluations.change_testsuite", problems=CHANGES)
    def post(self, parsed_path: Path[ById]) -> HttpResponse:
        """Take a test suite back from the trash."""
        suites.restore_suite(suite_id=parsed_path.id)
        return self.to_response(read_suite_row(parsed_path.id), status_code=HTTPStatus.OK)


def read_suite_row(suite_id: UUID) -> SuiteRead:
    """Return a suite in use.

    Raises:
        NotFoundError: there is none.
    """
    suite = overview.list_suites().filter(pk=suite_id).first()
    if suite is None:
        raise NotFoundError("row.missing", kind=TestSuite._meta.verbose_name, key=suite_id)
    return _as_body(suite)


def _as_body(suite: Any) -> SuiteRead:
    return SuiteRead(
        id=str(suite.pk),
        name=suite.name,
        description=suite.description,
        cases=suite.case_count,
        enabled_cases=suite.enabled_count,
        created_at=suite.created_at,
        updated_at=suite.updated_at,
    )
