"""People's verdicts on answers: one of each person on each answer."""

from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.db import transaction

from core.services import check_fields, find_row
from evaluations.models import Rating, TestResult

if TYPE_CHECKING:
    from django.contrib.auth.models import User

__all__ = ["delete_rating", "rate_answer"]

COMMENT_LENGTH: Final = 2000  # characters that are kept


@transaction.atomic
def rate_answer(*, result_id: UUID | str, user: "User", passed: bool, comment: str = "") -> Rating:
    """Keep what somebody says of an answer; saying it again replaces it.

    Args:
        result_id: the result with the answer.
        user: who says it.
        passed: whether the answer is good enough.
        comment: why; cut after 2,000 characters.

    Raises:
        NotFoundError: there is no such result.
        InvalidInputError: with one sentence for each field that is wrong.
    """
    result = find_row(TestResult, result_id)
    said = {"passed": passed, "comment": comment.strip()[:COMMENT_LENGTH]}
    check_fields(Rating(result=result, user=user, **said), exclude={"result", "user"})
    rating, _is_new = Rating.objects.update_or_create(result=result, user=user, defaults=said)
    return rating


@transaction.atomic
def delete_rating(*, result_id: UUID | str, user: "User") -> bool:
    """Take back what somebody said of an answer; return whether they had said anything.

    Raises:
        NotFoundError: there is no such result.
    """
    result = find_row(TestResult, result_id)
    count, _models = Rating.objects.filter(result=result, user=user).delete()
    return count > 0
