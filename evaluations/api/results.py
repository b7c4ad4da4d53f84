"""Results of runs: listed with filters, read one by one, rated by people."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpResponse
from dmr import Path, Query
from dmr.plugins.msgspec import BodyMsgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from core.access.callers import Caller
from core.api.controllers import BaseController, empty, operation
from core.api.cursors import DEFAULT_LIMIT
from core.api.pages import CHANGES, READS, ById, Cursor, Limit, Search, take_page
from core.api.problems import ForbiddenError
from evaluations.api import run_reading as reading
from evaluations.models import Rating, TestResult, result_state
from evaluations.selectors import answers
from evaluations.services import ratings

__all__ = ["OneResult", "OwnRating", "Results"]

Entry = dict[str, Any]
State = Literal["pass", "fail", "error", "unchecked"]
ORDER = ("run_case__position", "evaluation__position", "repeat")


class ResultItem(Struct, kw_only=True):
    """An answer in a list."""

    id: str
    case: str
    """Name of the case."""
    position: int
    """Of the case in the run, from 0."""
    column_id: str
    column: str
    """Label of the column."""
    repeat: int
    """From 0."""
    state: str
    """`pass`, `fail`, `error` or `unchecked`."""
    score: float | None
    output: str
    """The first 2,000 characters of the answer."""
    error: str
    finish_reason: str
    cached: bool
    latency_ms: int | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None


class ResultPage(Struct, kw_only=True):
    """Some answers: by case, column and repeat."""

    items: list[ResultItem]
    next_cursor: str | None = None
    """For the next page; null on the last one."""


class ResultQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which answers."""

    state: Literal["", "pass", "fail", "error", "unchecked"] = ""
    """Only results of this state."""
    column_id: UUID | UnsetType = UNSET
    """Only results of this column."""
    search: Search = ""
    """A part of the answer or of the case's name."""
    cursor: Cursor = ""
    """`next_cursor` of the page before."""
    limit: Limit = DEFAULT_LIMIT


class RatingRead(Struct, kw_only=True):
    """What a person says of an answer."""

    user: str
    passed: bool
    comment: str
    updated_at: datetime


class RatingBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """What the caller says of an answer."""

    passed: bool
    """Whether the answer is good enough."""
    comment: Annotated[str, Meta(max_length=2000)] = ""


class ResultRead(Struct, kw_only=True):
    """An answer with everything that scorers and people say of it."""

    id: str
    run_id: str | None
    column_id: str
    column: str
    case: str
    """Name of the case; empty where it is gone."""
    document: Entry
    """The case as it was run: variables, expected answer, assertions."""
    repeat: int
    state: str
    score: float | None
    passed: bool | None
    messages: list[Any]
    """What was sent to the model."""
    output: str
    error: str
    components: list[Any]
    """What each assertion said."""
    details: Entry
    finish_reason: str
    cached: bool
    attempts: int
    latency_ms: int | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    grading_cost_usd: float | None
    ratings: list[RatingRead]
    created_at: datetime


def list_results(run_id: UUID, query: ResultQuery) -> ResultPage:
    """Return a page of the answers of a run, in the order of its cases.

    Raises:
        InvalidInputError: the cursor is of another list.
        NotFoundError: there is no such run.
    """
    run, _columns = reading.find_columns(run_id)
    column_id = None
    if query.column_id is not UNSET:
        column_id = query.column_id
    rows = answers.list_results(run.pk, state=query.state, column_id=column_id, search=query.search)
    page, next_cursor = take_page(rows, by=ORDER, cursor=query.cursor, limit=query.limit)
    items = [_as_item(row) for row in page]
    return ResultPage(items=items, next_cursor=next_cursor)


class Results(BaseController):
    """Answers of a run."""

    @operation(ResultPage, permission="evaluations.view_testresult", problems=READS)
    def get(self, parsed_path: Path[ById], parsed_query: Query[ResultQuery]) -> HttpResponse:
        """List the answers of a run in the order of its cases."""
        return self.to_response(list_results(parsed_path.id, parsed_query))


class OneResult(BaseController):
    """An answer by its ID."""

    @operation(ResultRead, permission="evaluations.view_testresult", problems=READS)
    def get(self, parsed_path: Path[ById]) -> HttpResponse:
        """Read an answer: what was asked, each assertion's reason, what people say."""
        return self.to_response(_as_body(answers.find_result(parsed_path.id)))


class OwnRating(BaseController):
    """What the caller says of an answer."""

    @operation(RatingRead, permission="evaluations.add_rating", problems=CHANGES)
    def put(self, parsed_path: Path[ById], parsed_body: BodyMsgspec[RatingBody]) -> HttpResponse:
        """Rate an answer; rating it again replaces it. People rate, API keys do not."""
        user = _find_user(self.caller)
        rating = ratings.rate_answer(
            result_id=answers.find_result(parsed_path.id).pk,
            user=user,
            passed=parsed_body.passed,
            comment=parsed_body.comment,
        )
        return self.to_response(_as_rating(rating))

    @operation(
        None,
        permission="evaluations.add_rating",
        status=HTTPStatus.NO_CONTENT,
        problems=CHANGES,
    )
    def delete(self, parsed_path: Path[ById]) -> HttpResponse:
        """Take the caller's rating back; nothing happens where there is none."""
        user = _find_user(self.caller)
        ratings.delete_rating(result_id=answers.find_result(parsed_path.id).pk, user=user)
        return empty(HTTPStatus.NO_CONTENT)


def _find_user(caller: Caller) -> User:
    """Return who rates.

    Raises:
        ForbiddenError: a program, whose verdict would count as a person's.
    """
    user = None
    if caller.kind == "person":
        user = User.objects.filter(username=caller.name).first()
    if user is None:
        raise ForbiddenError("rating.people")
    return user


def _as_item(row: Any) -> ResultItem:
    return ResultItem(
        id=str(row.pk),
        case=row.run_case.name,
        position=row.run_case.position,
        column_id=str(row.evaluation_id),
        column=row.evaluation.label,
        repeat=row.repeat,
        state=result_state(row.passed, row.wrong).value,
        score=row.score,
        output=row.shown,
        error=row.wrong,
        finish_reason=row.finish_reason,
        cached=row.cached,
        latency_ms=row.latency_ms,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost_usd=_dollars(row.cost_usd),
    )


def _as_body(row: TestResult) -> ResultRead:
    case = row.run_case
    run_id = row.evaluation.run_id
    return ResultRead(
        id=str(row.pk),
        run_id=None if run_id is None else str(run_id),
        column_id=str(row.evaluation_id),
        column=row.evaluation.label,
        case=case.name if case else "",
        document=case.document if case else {},
        repeat=row.repeat,
        state=row.state.value,
        score=row.score,
        passed=row.passed,
        messages=row.messages,
        output=row.output,
        error=row.error,
        components=row.components,
        details=row.details,
        finish_reason=row.finish_reason,
        cached=row.cached,
        attempts=row.attempts,
        latency_ms=row.latency_ms,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost_usd=_dollars(row.cost_usd),
        grading_cost_usd=_dollars(row.grading_cost_usd),
        ratings=[_as_rating(rating) for rating in row.ratings.all()],
        created_at=row.created_at,
    )


def _as_rating(rating: Rating) -> RatingRead:
    return RatingRead(
        user=rating.user.get_username(),
        passed=rating.passed,
        comment=rating.comment,
        updated_at=rating.updated_at,
    )


def _dollars(amount: Any) -> float | None:
    return None if amount is None else float(amount)
