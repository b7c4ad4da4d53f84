"""Our own file of a suite: YAML that contains everything of it, and gives it back exactly."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.language import gettext as _
from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.assertions import assertion_as_dict, parse_assertion
from evaluations.engine.formats.numbers import number_in
from evaluations.engine.formats.yaml_document import (
    Document,
    KeyPath,
    LazyLocation,
    dump_document,
    load_document,
)
from evaluations.engine.types import Assertion, Case, Suite

__all__ = [
    "CASE_KEYS",
    "KIND",
    "build_case",
    "is_suite_file",
    "read_suite_file",
    "write_suite_file",
]

KIND: Final = "suite/1"
TOP: Final = ("autoforge", "name", "description", "cases")
CASE_KEYS: Final = (
    "name", "variables", "expected", "assertions", "threshold", "weight", "tags", "metadata",
    "enabled", "given_answer",
)  # fmt: skip
LONGEST_NAME: Final = 255  # characters of a case's name; the column has room for no more


def is_suite_file(document: Document) -> bool:
    """Whether a document says that it is a suite of ours."""
    return isinstance(document.value, dict) and "autoforge" in document.value


def read_suite_file(text: str, file: str) -> Suite:
    """Return the suite that a file contains.

    Raises:
        SuiteError: one sentence with line and column.
    """
    document = load_document(text, file)
    value = document.value
    if not isinstance(value, dict) or value.get("autoforge") != KIND:
        raise SuiteError("suite.kind", at=file, kind=KIND)
    fields = _Fields(value=value, document=document, path=())
    fields.refuse_unknown(TOP)
    entries = value.get("cases") or []
    if not isinstance(entries, list):
        raise SuiteError("suite.cases-list", at=document.location("cases"))
    name = value.get("name")
    if not isinstance(name, str) or not name.strip():
        raise SuiteError("suite.no-name", at=document.location("name"))
    cases = [build_case(entry, document, ("cases", index)) for index, entry in enumerate(entries)]
    _refuse_doubles(cases, document)
    return Suite(name=name, description=fields.text("description"), cases=tuple(cases))


def _refuse_doubles(cases: Iterable[Case], document: Document) -> None:
    seen: set[str] = set()
    for index, case in enumerate(cases):
        if case.name in seen:
            location = document.location("cases", index, "name")
            raise SuiteError("suite.case-twice", at=location, case=case.name)
        seen.add(case.name)


def build_case(entry: object, document: Document, path: KeyPath, default_name: str = "") -> Case:
    """Return the case that an object of a file means.

    Args:
        entry: the object.
        document: the file.
        path: where in the file the object stands.
        default_name: what the case is called where the object does not say.

    Raises:
        SuiteError: one sentence with its location.
    """
    if not isinstance(entry, Mapping):
        raise SuiteError("suite.case-shape", at=document.location(*path))
    fields = _Fields(value=entry, document=document, path=path)
    fields.refuse_unknown(CASE_KEYS)
    name = _read_name(fields, default_name)
    threshold = None
    if entry.get("threshold") is not None:
        threshold = fields.number("threshold", default=0.0, most=1.0)
    given_answer = None
    # An empty answer is one that is scored; only without any is a model asked.
    if entry.get("given_answer") is not None:
        given_answer = fields.text("given_answer")
    return Case(
        name=name,
        variables=fields.mapping("variables"),
        expected=fields.text("expected"),
        assertions=tuple(_read_assertions(fields)),
        threshold=threshold,
        weight=fields.number("weight", default=1.0, most=math.inf),
        tags=tuple(str(tag) for tag in fields.items("tags")),
        metadata=fields.mapping("metadata"),
        enabled=fields.flag("enabled", default=True),
        given_answer=given_answer,
    )


def _read_name(fields: "_Fields", default: str) -> str:
    name = fields.value.get("name", default)
    # YAML reads a name such as 12 as a number.
    text = str(name) if isinstance(name, str | int | float) else ""
    if not text.strip() or len(text) > LONGEST_NAME:
        raise SuiteError("suite.case-name", at=fields.locate("name"), limit=LONGEST_NAME)
    return text


def _read_assertions(fields: "_Fields") -> Iterator[Assertion]:
    for index, entry in enumerate(fields.items("assertions")):
        try:
            yield parse_assertion(entry)
        except SuiteError as error:
            raise error.within(fields.locate("assertions", index)) from None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fields:
    """The fields of an object of a file, each checked where it is read.

    Every method raises a SuiteError with the field's location where the value is of another type.
    What is null is missing.
    """

    value: Mapping[str, Any]
    document: Document
    path: KeyPath

    def locate(self, *path: str | int) -> LazyLocation:
        """Return where something within the object stands."""
        return self.document.location(*self.path, *path)

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Refuse a key that is none of the known ones: a misspelt one would do nothing."""
        for key in self.value:
            if key not in known:
                names = ", ".join(known)
                raise SuiteError("suite.unknown-key", at=self.locate(key), key=key, there=names)

    def text(self, key: str) -> str:
        """Return a text, "" where it is missing; numbers and true are taken as YAML texts."""
        value = self.value.get(key)
        if value is None:
            return ""
        if isinstance(value, dict | list):
            raise SuiteError("suite.text", at=self.locate(key), key=key)
        return str(value)

    def number(self, key: str, *, default: float, most: float) -> float:
        """Return a number from 0 to `most`."""
        value = self.value.get(key)
        if value is None:
            value = default
        return number_in(value, key, self.locate(key), least=0, most=most)

    def mapping(self, key: str) -> dict[str, Any]:
        """Return an object, an empty one where it is missing."""
        value = self.value.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self._wrong_type(key, _("an object"))
        return value

    def items(self, key: str) -> list[object]:
        """Return a list, an empty one where it is missing."""
        value = self.value.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong_type(key, _("a list"))
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false; numbers are neither."""
        value = self.value.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._wrong_type(key, _("true or false"))
        return value

    def _wrong_type(self, key: str, allowed: str) -> SuiteError:
        return SuiteError("suite.value-type", at=self.locate(key), key=key, names=allowed)


def write_suite_file(suite: Suite) -> str:
    """Return a suite as a file; `read_suite_file` gives back exactly the same."""
    content = {
        "autoforge": KIND,
        "name": suite.name,
        "description": suite.description,
        "cases": [_case_entry(case) for case in suite.cases],
    }
    return dump_document(content)


def _case_entry(case: Case) -> dict[str, object]:
    """Return a case as an object, without what is empty or the default."""
    fields = {
        "name": case.name,
        "variables": dict(case.variables),
        "expected": case.expected,
        "assertions": [assertion_as_dict(assertion) for assertion in case.assertions],
        "threshold": case.threshold,
        "weight": None if case.weight == 1 else case.weight,
        "tags": list(case.tags),
        "metadata": dict(case.metadata),
        "enabled": None if case.enabled else False,
    }
    entry: dict[str, object] = {
        key: value for key, value in fields.items() if value not in (None, "", [], {})
    }
    if case.given_answer is not None:
        entry["given_answer"] = case.given_answer  # also an empty one
    return entry
