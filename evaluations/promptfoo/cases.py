"""Tests as cases: defaultTest put in, lists taken apart, variables and assertions filled."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.language import gettext as _
from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.assertions import parse_assertion, unsupported
from evaluations.engine.formats.numbers import number_in
from evaluations.engine.formats.yaml_document import Document, load_document
from evaluations.engine.types import Assertion, Case
from evaluations.promptfoo.assertions import filled, read_assertions
from evaluations.promptfoo.files import Source, Where
from evaluations.promptfoo.values import combinations, resolved, stringify

__all__ = ["CaseMaker", "FoundCase", "FoundTest", "list_entries"]

# What a test takes over from defaultTest where it says nothing itself.
INHERITED: Final = ("threshold", "prompts", "providers", "assertScoringFunction")
LONGEST_FILLED: Final = 30_000_000  # characters of all texts of a file that are filled in
CODE_OPTIONS: Final = ("transform", "postprocess")

Keys = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundTest:
    """A test as it stands in a file."""

    given: Mapping[str, Any]
    document: Document
    path: Keys
    parts: tuple[tuple[Mapping[str, Any], Document, Keys], ...] = ()
    """What it is put together of, the first one first: default, scenario, itself."""

    @property
    def spot(self) -> Where:
        """Its place."""
        return self.document.spot(*self.path)


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundCase:
    """A case, and which columns ask it."""

    case: Case
    place: Where
    prompts: tuple[str, ...] | None = None
    """Names of prompts; None: all of them."""
    providers: tuple[str, ...] | None = None
    """Names of models; None: all of them."""


def list_entries(test: FoundTest, key: str) -> Mapping[str, Any]:
    """Return the object under a key of a test.

    Raises:
        SuiteError: it is none; names the place.
    """
    value = test.given.get(key) or {}
    if not isinstance(value, Mapping):
        raise SuiteError("promptfoo.entries", at=test.document.spot(*test.path, key), key=key)
    return value


class CaseMaker:
    """Makes cases of the tests of one configuration.

    Args:
        source: the configuration.
        default: its defaultTest.
        general: what the configuration says of metadata.
    """

    def __init__(self, source: Source, default: FoundTest, general: Mapping[str, Any]) -> None:
        self._source = source
        self._default = default
        self._general = general
        self._filled = 0
        self._of_default: dict[str, tuple[Assertion, ...]] = {}

    def cases(self, test: FoundTest, count: int) -> Iterator[FoundCase]:
        """Yield the cases of a test; `count` is how many there are before it."""
        spot = test.spot
        both = self._with_default(test)
        options = both["options"]
        assertions = self._assertions(test, both)
        filters = {key: _names(both.get(key), key, spot) for key in ("prompts", "providers")}
        expanded = not options.get("disableVarExpansion")
        taken = combinations(self._source, both["vars"], spot, expanded=expanded)
        for number, given in enumerate(taken):
            variables = resolved(self._source, given, spot)
            self._count(given, variables, spot)
            checks = (filled(self._source, one, variables, spot) for one in assertions)
            case = Case(
                name=_name(both, count, number),
                variables=variables,
                assertions=tuple(checks),
                threshold=_threshold(both.get("threshold"), spot),
                metadata=both["metadata"],
                given_answer=_answer(both.get("providerOutput")),
                prefix=str(options.get("prefix") or ""),
                suffix=str(options.get("suffix") or ""),
            )
            yield FoundCase(case=case, place=spot, **filters)

    def _count(self, given: Mapping[str, Any], variables: Mapping[str, Any], spot: Where) -> None:
        """Refuse a file whose texts, filled in, would not fit into memory."""
        for name, value in variables.items():
            if isinstance(value, str) and value is not given.get(name):
                self._filled += len(value)
        if self._filled > LONGEST_FILLED:
            raise SuiteError("promptfoo.filled-too-long", at=spot, most=f"{LONGEST_FILLED:,}")

    def _with_default(self, test: FoundTest) -> dict[str, Any]:
        default, both = self._default, dict(test.given)
        for key in INHERITED:
            if both.get(key) is None and key in default.given:
                both[key] = default.given[key]
        both["vars"] = {**_variables(self._source, default), **_variables(self._source, test)}
        both["options"] = _options(list_entries(default, "options"), list_entries(test, "options"))
        usual = list_entries(default, "metadata") or self._general
        both["metadata"] = {**usual, **list_entries(test, "metadata")}
        return both

    def _assertions(self, test: FoundTest, both: Mapping[str, Any]) -> list[Assertion]:
        options = both["options"]
        judge = list_entries(test, "options").get("provider")
        inherits = options.get("disableDefaultAsserts") is not True
        found = list(self._inherited(judge)) if inherits else []
        for given, document, path in test.parts or ((test.given, test.document, test.path),):
            found += self._read(given, document, path, judge)
        code = [key for key in CODE_OPTIONS if options.get(key)]
        code += ["assertScoringFunction"] if both.get("assertScoringFunction") else []
        if not code or not found:
            return found
        why = _("“%(code)s” of the test would run code, which AutoForge never does") % {
            "code": code[0]
        }
        return [*found, parse_assertion(unsupported({"weight": 1.0}, why))]

    def _inherited(self, judge: Any) -> tuple[Assertion, ...]:
        key, default = repr(judge), self._default
        if key not in self._of_default:
            parts = (default.given, default.document, default.path)
            self._of_default[key] = self._read(*parts, judge)
        return self._of_default[key]

    def _read(
        self, given: Mapping[str, Any], document: Document, path: Keys, judge: Any
    ) -> tuple[Assertion, ...]:
        place = (*path, "assert")
        return read_assertions(self._source, given.get("assert") or [], document, place, judge)


def _options(default: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    # An empty prefix or suffix of a test is none: that of all tests stays.
    empty = {key for key in ("prefix", "suffix") if not own.get(key)}
    return {**default, **{key: value for key, value in own.items() if key not in empty}}


def _variables(source: Source, test: FoundTest) -> Mapping[str, Any]:
    """Return the variables of a test; files of them are put together."""
    given = test.given.get("vars") or {}
    if isinstance(given, Mapping):
        return given
    references = [given] if isinstance(given, str) else given
    spot = test.document.spot(*test.path, "vars")
    if not isinstance(references, list) or not all(isinstance(one, str) for one in references):
        raise SuiteError("promptfoo.vars", at=spot)
    found: dict[str, Any] = {}
    for path in (path for one in references for path in source.paths(one, spot)):
        value = load_document(source.load_text(path), path.name).value
        if not isinstance(value, dict):
            raise SuiteError("promptfoo.vars-file", at=path.name)
        found |= value
    return found


def _names(given: Any, key: str, spot: Where) -> tuple[str, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise SuiteError("promptfoo.names", at=spot, key=key)
    return tuple(given)


def _name(both: Mapping[str, Any], count: int, number: int) -> str:
    described = str(both.get("description") or "")
    if not described:
        return f"{count + number + 1}"
    return f"{described} ({number + 1})" if number else described


def _answer(given: Any) -> str | None:
    """Return the answer that a test brings; an object goes as JSON."""
    if given in (None, "", 0, False):
        return None
    return given if isinstance(given, str) else stringify(given)


def _threshold(value: Any, place: Where) -> float | None:
    return None if value is None else number_in(value, "threshold", place, least=0, most=1)
