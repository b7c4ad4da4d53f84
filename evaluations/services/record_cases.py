"""Test cases from records of calls: what somebody asked becomes what a prompt is tested with."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from core.errors import InvalidInputError, NotFoundError
from core.json import JSONObject
from core.sentences import Sentence
from core.services import find_row
from evaluations.engine.types import Case
from evaluations.models import CallRecord, TestCase, TestSuite
from evaluations.recovery import Said, recover_values
from evaluations.services.suites import add_cases, create_suite
from prompts import interface as prompts
from prompts.rendering.variables import is_variable_name

__all__ = ["MOST_RECORDS", "TAG", "CasesMade", "make_cases"]

MOST_RECORDS: Final = 500
"""At a time: each may be hundreds of thousands of characters."""
TAG: Final = "from-record"
RECORD: Final = "record"
"""Under which a case's metadata has the key of its record."""
INSTRUCTIONS: Final = ("system", "developer")
LONGEST_NAME: Final = 80
"""Characters of what was asked, in the name of a case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CasesMade:
    """What became of records."""

    suite: TestSuite
    """Where the cases are."""
    made: int
    """How many cases are new."""
    repeated: int
    """How many records the suite had a case of already."""
    empty: int
    """How many records say nothing of what was asked."""


@transaction.atomic
def make_cases(
    *,
    record_ids: Iterable[int],
    suite_id: UUID | str | None = None,
    suite_name: str = "",
    variable: str = "input",
    expect_answer: bool = False,
) -> CasesMade:
    """Make a test case of each record, at the end of a suite: all of them, or none.

    The variables are the record's own where they are known. Else they are read out of the messages
    where the version allows it (`evaluations.recovery`); else the last message of the user is the
    only one, and what was said before it fills the version's placeholder.

    Args:
        record_ids: keys of the records, 500 at most; those that are not there are passed over.
        suite_id: the suite that gets the cases.
        suite_name: name of a new suite, instead of one that is there.
        variable: gets the last message of the user, where the variables are not known.
        expect_answer: whether the answer is what is expected from now on.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong, or for the record that
            cannot be a case.
        NotFoundError: there is no such suite, or it is deleted.
    """
    keys = list(dict.fromkeys(record_ids))
    _check(keys, suite_id, suite_name, variable)
    rows = CallRecord.objects.filter(pk__in=keys).select_related("version").order_by("pk")
    suite = find_row(TestSuite, suite_id) if suite_id else create_suite(name=suite_name)
    known = TestCase.objects.filter(suite=suite, **{f"metadata__{RECORD}__in": keys})
    known_keys = set(known.values_list(f"metadata__{RECORD}", flat=True))
    versions = _Versions()
    cases: list[Case] = []
    repeated = empty = 0
    for row in rows:
        if row.pk in known_keys:
            repeated += 1
            continue
        variables = _find_variables(row, versions, variable)
        if variables is None:
            empty += 1
            continue
        cases.append(_build_case(row, variables, expect_answer=expect_answer))
    add_cases(suite=suite, cases=cases)
    if suite_name and not cases:
        raise InvalidInputError({"records": Sentence("record.no-cases")})
    return CasesMade(suite=suite, made=len(cases), repeated=repeated, empty=empty)


def _check(
    keys: Sequence[int], suite_id: UUID | str | None, suite_name: str, variable: str
) -> None:
    problems = {}
    if not keys:
        problems["records"] = Sentence("record.none-chosen")
    if len(keys) > MOST_RECORDS:
        problems["records"] = Sentence("record.too-many", count=len(keys), most=MOST_RECORDS)
    if bool(suite_id) == bool(suite_name.strip()):
        problems["suite"] = Sentence("record.suite-or-name")
    if not is_variable_name(variable):
        problems["variable"] = Sentence("record.variable-name")
    if problems:
        raise InvalidInputError(problems)


class _Versions:
    """Versions of prompts, each read once."""

    def __init__(self) -> None:
        self._read: dict[UUID, prompts.PromptText | None] = {}

    def find(self, row: CallRecord) -> prompts.PromptText | None:
        """Return the version of a record; None where it is not here, or in the trash."""
        version = row.version
        if version is None:
            return None
        if version.pk not in self._read:
            self._read[version.pk] = _read_version(version.prompt_id, version.number)
        return self._read[version.pk]


def _read_version(prompt_id: UUID, number: int) -> prompts.PromptText | None:
    try:
        return prompts.get_prompt_text(prompt_id=prompt_id, number=number)
    except NotFoundError:
        return None


def _find_variables(
    row: CallRecord, versions: _Versions, variable: str
) -> Mapping[str, object] | None:
    """Return what a case of the record fills a prompt with; None where nobody knows."""
    if row.variables:
        return dict(row.variables)
    messages = _list_messages(row)
    prompt = versions.find(row)
    if prompt is not None and not row.is_cut:
        values = recover_values(prompt, messages)
        if values is not None:
            return values
    asked = _find_last_of_user(messages)
    if asked is None:
        return None
    variables: JSONObject = {variable: messages[asked].text}
    if prompt is not None and prompt.placeholders:
        history: list[JSONObject] = []
        for message in messages[:asked]:
            if message.role not in INSTRUCTIONS:
                history.append({"role": message.role, "content": message.text})
        variables.setdefault(prompt.placeholders[0], history)
    return variables


def _list_messages(row: CallRecord) -> list[Said]:
    messages = []
    for message in row.messages:
        text = message.get("content", "")
        messages.append(Said(role=str(message.get("role", "")), text=str(text)))
    return messages


def _find_last_of_user(messages: Sequence[Said]) -> int | None:
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].role == "user" and messages[index].text.strip():
            return index
    return None


def _build_case(row: CallRecord, variables: Mapping[str, object], *, expect_answer: bool) -> Case:
    metadata: dict[str, Any] = {RECORD: row.pk, "asked_at": row.asked_at.isoformat()}
    for name in ("model", "trace_id"):
        if getattr(row, name):
            metadata[name] = getattr(row, name)
    return Case(
        name=_name_case(row),
        variables=variables,
        expected=row.output if expect_answer else "",
        tags=(TAG,),
        metadata=metadata,
    )


def _name_case(row: CallRecord) -> str:
    """Return how the question begins, with the record's number, which no other case has."""
    messages = _list_messages(row)
    asked = _find_last_of_user(messages)
    text = row.name or row.model
    if asked is not None:
        text = messages[asked].text
    line = " ".join(text[: LONGEST_NAME * 2].split())
    if len(line) > LONGEST_NAME:
        line = f"{line[: LONGEST_NAME - 1]}…"
    return f"{line} · #{row.pk}" if line else f"#{row.pk}"
