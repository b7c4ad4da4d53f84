"""Our own file of a suite: YAML that holds everything of it, and gives it back exactly."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from core.language import gettext as _
from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.assertions import assertion_as_dict, parse_assertion
from evaluations.engine.formats.numbers import number_in
from evaluations.engine.formats.yaml_document import Document, dump_document, load_document
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
LONGEST_NAME: Final = 255


def is_suite_file(document: Document) -> bool:
    """Whether a document says that it is a suite of ours."""
    return isinstance(document.value, dict) and "autoforge" in document.value


def read_suite_file(text: str, file: str) -> Suite:
    """Return the suite that a file holds.

    Raises:
        SuiteError: one sentence with line and column.
    """
    document = load_document(text, file)
    found = document.value
    if not isinstance(found, dict) or found.get("autoforge") != KIND:
        raise SuiteError("suite.kind", at=file, kind=KIND)
    _refuse_unknown(found, TOP, document, ())
    cases = found.get("cases") or []
    if not isinstance(cases, list):
        raise SuiteError("suite.cases-list", at=document.place("cases"))
    name = found.get("name")
    if not isinstance(name, str) or not name.strip():
        raise SuiteError("suite.no-name", at=document.place("name"))
    read = [build_case(one, document, ("cases", number)) for number, one in enumerate(cases)]
    _refuse_doubles(read, document)
    return Suite(name=name, description=_text(found, "description", document), cases=tuple(read))


def build_case(given: Any, document: Document, path: tuple[Any, ...], name: str = "") -> Case:
    """Return the case that an object means.

    Raises:
        SuiteError: one sentence with its place.
    """
    if not isinstance(given, Mapping):
        raise SuiteError("suite.case-shape", at=document.place(*path))
    _refuse_unknown(given, CASE_KEYS, document, path)
    threshold = given.get("threshold")
    return Case(
        name=_name(given, document, path, name),
        variables=_kind(given, "variables", dict, {}, document, path),
        expected=_text(given, "expected", document, path),
        assertions=tuple(_assertions(given, document, path)),
        threshold=None if threshold is None else _number(given, "threshold", 1.0, document, path),
        weight=_number(given, "weight", math.inf, document, path, default=1.0),
        tags=tuple(map(str, _kind(given, "tags", list, [], document, path))),
        metadata=_kind(given, "metadata", dict, {}, document, path),
        enabled=_kind(given, "enabled", bool, default=True, document=document, path=path),
        given_answer=None
        if given.get("given_answer") is None
        else _text(given, "given_answer", document, path),
    )


def _name(given: Mapping[str, Any], document: Document, path: tuple[Any, ...], name: str) -> str:
    found = given.get("name", name)
    text = str(found) if isinstance(found, str | int | float) else ""
    if not text.strip() or len(text) > LONGEST_NAME:
        raise SuiteError("suite.case-name", at=document.place(*path, "name"), limit=LONGEST_NAME)
    return text


def _refuse_unknown(
    given: Mapping[str, Any], known: Iterable[str], document: Document, path: tuple[Any, ...]
) -> None:
    for key in given:
        if key not in known:
            there = ", ".join(known)
            raise SuiteError(
                "suite.unknown-key", at=document.place(*path, key), key=key, there=there
            )


def _refuse_doubles(cases: Iterable[Case], document: Document) -> None:
    seen: set[str] = set()
    for number, case in enumerate(cases):
        if case.name in seen:
            place = document.place("cases", number, "name")
            raise SuiteError("suite.case-twice", at=place, case=case.name)
        seen.add(case.name)


def _kind(
    given: Mapping[str, Any],
    key: str,
    kind: type,
    default: Any,
    document: Document,
    path: tuple[Any, ...],
) -> Any:
    value = given.get(key)
    if value is None:
        return default
    if not isinstance(value, kind):
        names = {dict: _("an object"), list: _("a list"), bool: _("true or false")}
        raise SuiteError(
            "suite.value-type", at=document.place(*path, key), key=key, names=names[kind]
        )
    return value


def _text(
    given: Mapping[str, Any], key: str, document: Document, path: tuple[Any, ...] = ()
) -> str:
    value = given.get(key)
    if value is None:
        return ""
    if isinstance(value, dict | list):
        raise SuiteError("suite.text", at=document.place(*path, key), key=key)
    return str(value)


def _number(
    given: Mapping[str, Any],
    key: str,
    most: float,
    document: Document,
    path: tuple[Any, ...],
    default: float = 0.0,
) -> float:
    value = given.get(key)
    value = default if value is None else value
    return number_in(value, key, document.spot(*path, key), least=0, most=most)


def _assertions(
    given: Mapping[str, Any], document: Document, path: tuple[Any, ...]
) -> Iterable[Assertion]:
    for number, one in enumerate(_kind(given, "assertions", list, [], document, path)):
        try:
            yield parse_assertion(one)
        except SuiteError as error:
            raise error.within(document.place(*path, "assertions", number)) from None


def write_suite_file(suite: Suite) -> str:
    """Return a suite as a file; `read_suite_file` gives back exactly the same."""
    cases = []
    for case in suite.cases:
        found = {
            "name": case.name,
            "variables": dict(case.variables),
            "expected": case.expected,
            "assertions": [assertion_as_dict(one) for one in case.assertions],
            "threshold": case.threshold,
            "weight": None if case.weight == 1 else case.weight,
            "tags": list(case.tags),
            "metadata": dict(case.metadata),
            "enabled": None if case.enabled else False,
        }
        kept = {key: value for key, value in found.items() if value not in (None, "", [], {})}
        if case.given_answer is not None:
            kept["given_answer"] = case.given_answer
        cases.append(kept)
    content = {"autoforge": KIND, "name": suite.name, "description": suite.description}
    return dump_document(content | {"cases": cases})
