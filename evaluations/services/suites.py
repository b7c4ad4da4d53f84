"""Suites and their cases: written one by one, or as a file holds them, all or nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, TypedDict, Unpack
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from core.errors import InvalidInputError
from core.json import JSONObject
from core.sentences import Sentence
from core.services import check_fields, find_row, refuse_unknown
from evaluations.engine.errors import SuiteError
from evaluations.engine.files import find_reference
from evaluations.engine.formats.assertions import assertion_as_dict, parse_assertion
from evaluations.engine.formats.documents import case_from_document
from evaluations.engine.types import Case, Suite
from evaluations.models import TestCase, TestSuite

__all__ = [
    "add_cases",
    "check_assertions",
    "check_files",
    "check_suite",
    "create_case",
    "create_suite",
    "delete_cases",
    "delete_suites",
    "edit_case",
    "edit_suite",
    "load_suite",
    "restore_suite",
    "store_suite",
]

BATCH: Final = 500
MAX_REFERENCE: Final = 100  # characters of a file's name that a sentence repeats


class SuiteFields(TypedDict, total=False):
    """What people write of a suite."""

    name: str
    description: str


class CaseFields(TypedDict, total=False):
    """What people write of a case besides its name."""

    variables: JSONObject
    expected: str
    assertions: list[JSONObject]
    threshold: float | None
    """From 0 to 1; None: each assertion decides."""
    weight: float
    tags: list[str]
    metadata: JSONObject
    position: int
    enabled: bool


class CaseChanges(CaseFields, total=False):
    """The same with its name."""

    name: str


@transaction.atomic
def create_suite(*, name: str, description: str = "") -> TestSuite:
    """Create a suite without cases.

    Args:
        name: 1 to 255 characters; no other suite in use has it.
        description: what the suite tests, and why.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    suite = TestSuite(name=name, description=description)
    check_fields(suite)
    _check_name_is_free(suite)
    suite.save(force_insert=True)
    return suite


@transaction.atomic
def edit_suite(*, suite_id: UUID | str, **changes: Unpack[SuiteFields]) -> TestSuite:
    """Change any of `name`, `description`; the cases stay.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
        NotFoundError: there is no such suite, or it is deleted.
    """
    refuse_unknown(changes, frozenset(SuiteFields.__annotations__))
    suite = find_row(TestSuite, suite_id)
    for name, value in changes.items():
        setattr(suite, name, value)
    check_fields(suite)
    _check_name_is_free(suite)
    suite.save(update_fields=set(changes))
    return suite


@transaction.atomic
def delete_suites(suite_ids: Iterable[UUID | str]) -> int:
    """Put suites into the trash; their cases and runs stay. Return how many were in use."""
    count, _models = TestSuite.objects.filter(pk__in=list(suite_ids)).delete()
    return count


@transaction.atomic
def create_case(*, suite_id: UUID | str, name: str, **fields: Unpack[CaseFields]) -> TestCase:
    """Add a case to a suite.

    Args:
        suite_id: the suite.
        name: 1 to 255 characters; no other case of the suite has it.
        **fields: `variables`, `expected`, `assertions`, `threshold`, `weight`, `tags`,
            `metadata`, `position`, `enabled`.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
        NotFoundError: there is no such suite, or it is deleted.
    """
    refuse_unknown(fields, frozenset(CaseFields.__annotations__))
    suite = find_row(TestSuite, suite_id)
    case = TestCase(suite=suite, name=name, **fields)
    _check_case(case)
    case.save(force_insert=True)
    return case


@transaction.atomic
def edit_case(
    *, case_id: UUID | str, suite_id: UUID | str, **changes: Unpack[CaseChanges]
) -> TestCase:
    """Change a case; runs keep the copy that they were made with.

    Args:
        case_id: the case.
        suite_id: the suite that it is to belong to.
        **changes: `name`, or any field that `create_case` takes.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
        NotFoundError: there is no such case or suite, or the suite is deleted.
    """
    refuse_unknown(changes, frozenset(CaseChanges.__annotations__))
    case = find_row(TestCase, case_id)
    case.suite = find_row(TestSuite, suite_id)
    for name, value in changes.items():
        setattr(case, name, value)
    _check_case(case)
    case.save(update_fields={"suite", *changes})
    return case


@transaction.atomic
def delete_cases(case_ids: Iterable[UUID | str]) -> int:
    """Remove cases for good; what runs found of them stays. Return how many there were."""
    rows = TestCase.objects.filter(pk__in=list(case_ids))
    _count, per_model = rows.delete()
    return per_model.get(TestCase._meta.label, 0)


def check_assertions(assertions: object) -> dict[str, Sentence]:
    """Return what no scorer understands, by its place such as `assertions[0]`.

    Args:
        assertions: what is to be the assertions of a case; what is no list is refused elsewhere.
    """
    problems = {}
    entries = assertions if isinstance(assertions, list) else []
    for index, entry in enumerate(entries):
        try:
            parse_assertion(entry)
        except SuiteError as error:
            sentence = Sentence("suite.assertion", number=index + 1, problem=error)
            problems[f"assertions[{index}]"] = sentence
    return problems


def check_files(value: object) -> Sentence | None:
    """Return the refusal of a text that names a file: none is read, so it would stay a name."""
    reference = find_reference(value)
    if not reference:
        return None
    return Sentence("suite.file-reference", name=reference[:MAX_REFERENCE])


def _check_content(case: TestCase) -> None:
    problems: dict[str, Sentence | str] = dict(check_assertions(case.assertions))
    for name in ("variables", "assertions"):
        refusal = check_files(getattr(case, name))
        if refusal is not None:
            problems[name] = refusal
    if problems:
        raise InvalidInputError(problems)


def _check_case(case: TestCase) -> None:
    check_fields(case, exclude={"suite"})
    _check_content(case)
    twins = TestCase.objects.filter(suite=case.suite, name=case.name).exclude(pk=case.pk)
    if twins.exists():
        raise InvalidInputError({"name": Sentence("suite.case-exists", name=case.name)})


@transaction.atomic
def restore_suite(*, suite_id: UUID | str) -> TestSuite:
    """Take a deleted test suite back.

    Raises:
        InvalidInputError: another suite has taken its name since.
        NotFoundError: there is no such suite, or it is not deleted.
    """
    suite = find_row(TestSuite, suite_id, deleted=True)
    _check_name_is_free(suite)
    suite.restore()
    return suite


def _check_name_is_free(suite: TestSuite) -> None:
    if TestSuite.objects.filter(name=suite.name).exclude(pk=suite.pk).exists():
        raise InvalidInputError({"name": Sentence("suite.name-taken", name=suite.name)})


def check_suite(suite: Suite, *, replace_cases: bool = False) -> tuple[TestSuite, list[TestCase]]:
    """Return the rows that a suite would be, checked; nothing is written and nothing locked.

    Raises:
        InvalidInputError: the name is taken, or a case does not fit; names the case.
    """
    row = TestSuite.objects.filter(name=suite.name).first()
    if row is not None and not replace_cases:
        raise InvalidInputError({"name": Sentence("suite.exists", name=suite.name)})
    if row is None:
        row = TestSuite(name=suite.name, description=suite.description)
    else:
        row.description = suite.description or row.description
    check_fields(row)
    return row, [_row(row, case, position) for position, case in enumerate(suite.cases)]


def store_suite(suite: Suite, *, replace_cases: bool = False) -> tuple[TestSuite, int]:
    """Write a suite with its cases, all or nothing; return it and how many cases it has now.

    Args:
        suite: what was read.
        replace_cases: whether the cases of a suite of this name are replaced, and its description
            where the file has one; earlier runs keep their copies.

    Raises:
        InvalidInputError: the name is taken, or a case does not fit; names the case.
    """
    row, cases = check_suite(suite, replace_cases=replace_cases)
    with transaction.atomic():  # after the checks, which take longest
        row.save()
        row.cases.all().delete()
        TestCase.objects.bulk_create(cases, batch_size=BATCH)
    return row, len(cases)


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
            {"cases": Sentence("run.case", name=case.name, error=error)}
        ) from error
    return row


@transaction.atomic
def add_cases(*, suite: TestSuite, cases: Sequence[Case]) -> int:
    """Add cases at the end of a suite, all or none; return how many.

    Raises:
        InvalidInputError: a case does not fit, or has the name of another; names the case.
    """
    of_suite = TestCase.objects.filter(suite=suite)
    last = of_suite.aggregate(last=Max("position"))["last"]
    start = 0 if last is None else last + 1
    names = of_suite.filter(name__in=[case.name for case in cases])
    taken = set(names.values_list("name", flat=True))
    rows = []
    for position, case in enumerate(cases, start=start):
        if case.name in taken:
            raise InvalidInputError({"cases": Sentence("suite.case-exists", name=case.name)})
        taken.add(case.name)
        row = _row(suite, case, position)
        try:
            _check_content(row)
        except InvalidInputError as error:
            raise InvalidInputError(
                {"cases": Sentence("run.case", name=case.name, error=error)}
            ) from error
        rows.append(row)
    TestCase.objects.bulk_create(rows, batch_size=BATCH)
    return len(rows)


def load_suite(suite_id: UUID | str) -> Suite:
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
        try:
            case = case_from_document(row.name, row.as_document(), row.weight)
        except SuiteError as error:
            raise SuiteError("run.case", name=row.name, error=error) from error
        yield replace(case, enabled=row.enabled)
