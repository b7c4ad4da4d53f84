"""promptfoo's configurations: prompts, providers and tests, read from files, nothing executed."""

import difflib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from evaluations.engine.errors import EngineError, SuiteError
from evaluations.engine.formats.assertions import parse_assertion
from evaluations.engine.formats.promptfoo_csv import csv_tests, table_tests
from evaluations.engine.formats.yaml_document import Document, Spot, load_document
from evaluations.engine.scorers import UNSUPPORTED
from evaluations.engine.types import Assertion, Case, Place, Suite, Warned

__all__ = ["PromptSource", "PromptfooConfig", "read_config"]

Where = Place | Spot
TOP: Final = frozenset(
    """
    $schema description tags prompts providers targets tests defaultTest scenarios evaluateOptions
    outputPath env extensions commandLineOptions derivedMetrics assertionTemplates nunjucksFilters
    sharing metadata tracing redteam
    """.split()  # noqa: SIM905 (a table of words)
)
TEST: Final = frozenset(
    """
    description vars provider providers prompts assert threshold metadata assertScoringFunction
    options providerOutput
    """.split()  # noqa: SIM905 (as above)
)
ASSERTION: Final = frozenset(
    """
    type value threshold weight metric provider config transform contextTransform
    assert $ref
    """.split()  # noqa: SIM905 (as above)
)
REMOTE: Final = (
    "http://",
    "https://",
    "langfuse://",
    "portkey://",
    "helicone://",
    "huggingface://",
)
CODE: Final = (".py", ".js", ".ts", ".mjs", ".cjs", ".rb")
PASSES: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptSource:
    """A prompt of a configuration."""

    label: str
    raw: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptfooConfig:
    """Everything of a configuration that can be run."""

    description: str
    prompts: tuple[PromptSource, ...]
    providers: tuple[Any, ...]
    suite: Suite
    options: Mapping[str, Any]
    models: Mapping[str, str]
    """What the file names as "judge" and as "embeddings" of all tests."""
    warnings: tuple[Warned, ...]


def read_config(path: Path, *, tests_only: bool = False) -> PromptfooConfig:
    """Read a configuration and the files that it names.

    Args:
        path: the configuration; with `tests_only` a table of tests.
        tests_only: whether the file holds tests and nothing else.

    Raises:
        SuiteError: one sentence with file, line and column.
    """
    return _Reader(path, tests_only=tests_only).read()


class _Reader:
    def __init__(self, path: Path, *, tests_only: bool = False) -> None:
        self.folder = path.resolve().parent
        self.warnings: list[Warned] = []
        self.document = (
            Document(value={"tests": path.name}, file=path.name)
            if tests_only
            else load_document(_text(path), path.name)
        )
        if not isinstance(self.document.value, dict):
            raise SuiteError(f"{path.name}: a configuration is an object with prompts and tests")
        self.config: dict[str, Any] = self.document.value

    def read(self) -> PromptfooConfig:
        self._warn_unknown(self.config, TOP, self.document, ())
        default = self.config.get("defaultTest") or {}
        if isinstance(default, str):
            default = self._file_document(default).value or {}
        cases: list[Case] = []
        for test, place in self._tests():
            cases += self._cases(test, default, place, len(cases))
        prompts = tuple(self._prompts())
        suite = Suite(
            name=str(self.config.get("description") or self.document.file),
            cases=tuple(cases or [Case(name="1")]),
            warnings=tuple(self.warnings),
        )
        return PromptfooConfig(
            description=str(self.config.get("description") or ""),
            prompts=prompts,
            providers=tuple(self._providers()),
            suite=suite,
            options=self.config.get("evaluateOptions") or {},
            models=_models(default.get("options") or {}),
            warnings=tuple(self.warnings),
        )

    def _warn(self, message: str, place: Where) -> None:
        known = place.place if isinstance(place, Spot) else place
        self.warnings.append(Warned(message=message, place=known))

    def _warn_unknown(
        self, found: Mapping[str, Any], known: frozenset[str], document: Document, path: Any
    ) -> None:
        for key in found:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                self._warn(
                    f"there is no “{key}” here, it is left out{hint}", document.place(*path, key)
                )

    def _path(self, reference: str, place: Where) -> Path:
        if reference.startswith(REMOTE):
            raise SuiteError(f"{place}: “{reference}” is not on this machine; save it as a file")
        path = (self.folder / reference.removeprefix("file://").partition("#")[0]).resolve()
        if not path.is_relative_to(self.folder):
            raise SuiteError(f"{place}: “{reference}” is outside of the configuration's folder")
        return path

    def _file_document(self, reference: str) -> Document:
        path = self._path(reference, Place(file=self.document.file))
        return load_document(_text(path), path.name)

    # --- prompts and providers

    def _prompts(self) -> Iterable[PromptSource]:
        given = self.config.get("prompts", "{{prompt}}")
        entries = given if isinstance(given, list) else [given]
        for number, entry in enumerate(entries):
            place = self.document.spot("prompts", number)
            if isinstance(entry, Mapping):
                raw = entry.get("raw") or entry.get("id") or ""
                label = str(entry.get("label") or "")
            else:
                raw, label = entry, ""
            yield from self._prompt(str(raw), label, place)

    def _prompt(self, raw: str, label: str, place: Where) -> Iterable[PromptSource]:
        if raw.startswith("exec:") or raw.partition(":")[0].endswith(CODE) or raw.endswith(CODE):
            raise SuiteError(f"{place}: “{raw}” would run code, which is never done here")
        if raw.startswith(REMOTE):
            raise SuiteError(f"{place}: “{raw}” is not on this machine; save it as a file")
        if not raw.startswith("file://"):
            yield PromptSource(label=label or raw[:60], raw=raw)
            return
        pattern = raw.removeprefix("file://")
        paths = sorted(self.folder.glob(pattern)) if "*" in pattern else [self._path(raw, place)]
        for path in paths:
            parts = _text(path).split("\n---\n")
            for number, part in enumerate(parts, start=1):
                name = path.name if len(parts) == 1 else f"{path.name} #{number}"
                yield PromptSource(label=label or name, raw=part.removesuffix("\n"))

    def _providers(self) -> Iterable[Any]:
        given = self.config.get("providers", self.config.get("targets")) or []
        yield from given if isinstance(given, list) else [given]

    # --- tests

    def _tests(self) -> Iterable[tuple[Mapping[str, Any], Where]]:
        yield from self._listed(self.config.get("tests") or [], self.document, ("tests",))
        for number, scenario in enumerate(self.config.get("scenarios") or []):
            path = ("scenarios", number)
            place = self.document.spot(*path)
            tests = list(
                self._listed(scenario.get("tests") or [{}], self.document, (*path, "tests"))
            )
            for part in scenario.get("config") or [{}]:
                for test, _ in tests:
                    yield _merged(part, test), place

    def _listed(
        self, given: Any, document: Document, path: tuple[Any, ...]
    ) -> Iterable[tuple[Mapping[str, Any], Where]]:
        for number, test in enumerate(given if isinstance(given, list) else [given]):
            place = document.spot(*path, number)
            if isinstance(test, str):
                yield from self._tests_of_file(test, place)
            elif isinstance(test, Mapping):
                self._warn_unknown(test, TEST, document, (*path, number))
                yield test, place
            else:
                raise SuiteError(f"{place}: a test is an object with vars and assert, or a file")

    def _tests_of_file(
        self, reference: str, place: Where
    ) -> Iterable[tuple[Mapping[str, Any], Where]]:
        path = self._path(reference, place)
        suffix = path.suffix.lower()
        if suffix in CODE:
            raise SuiteError(f"{place}: “{reference}” would run code, which is never done here")
        if suffix in (".csv", ".xlsx"):
            rows = _sheet(path, reference) if suffix == ".xlsx" else None
            tests, warned = (
                csv_tests(_text(path), path.name)
                if rows is None
                else table_tests(iter(rows), path.name)
            )
            self.warnings += warned
            yield from ((test, Place(file=path.name, line=None)) for test in tests)
        elif suffix == ".jsonl":
            for number, line in enumerate(_text(path).splitlines(), start=1):
                if line.strip():
                    yield _json_line(line, path.name, number), Place(file=path.name, line=number)
        else:
            document = load_document(_text(path), path.name)
            yield from self._listed(document.value or [], document, ())

    def _cases(
        self, test: Mapping[str, Any], default: Mapping[str, Any], place: Where, count: int
    ) -> Iterable[Case]:
        both = _merged(default, test)
        options = both.get("options") or {}
        if not isinstance(both.get("vars") or {}, Mapping):
            raise SuiteError(f"{place}: vars is an object of names and values")
        assertions = tuple(self._assertions(both.get("assert") or [], place))
        expanded = not options.get("disableVarExpansion")
        for number, variables in enumerate(_expanded(both.get("vars") or {}, active=expanded)):
            name = str(both.get("description") or "") or f"{count + number + 1}"
            yield Case(
                name=f"{name} ({number + 1})" if both.get("description") and number else name,
                variables=self._resolved(variables, place),
                assertions=tuple(_rendered(one, variables) for one in assertions),
                threshold=_threshold(both.get("threshold"), place),
                metadata=dict(both.get("metadata") or {}),
                given_answer=both.get("providerOutput"),
            )

    def _assertions(self, given: Any, place: Where) -> Iterable[Assertion]:
        if not isinstance(given, list):
            raise SuiteError(f"{place}: assert is a list of assertions")
        for given_entry in given:
            entry = given_entry
            templates = self.config.get("assertionTemplates") or {}
            if isinstance(entry, Mapping) and isinstance(entry.get("$ref"), str):
                name = entry["$ref"].rpartition("/")[2]
                if name not in templates:
                    raise SuiteError(f"{place}: there is no assertion template “{name}”")
                entry = templates[name]
            if isinstance(entry, Mapping):
                self._warn_unknown(entry, ASSERTION, Document(value=None, file=place.file), ())
            try:
                assertion = parse_assertion(entry)
            except SuiteError as error:
                raise SuiteError(f"{place}: {error}") from None
            if assertion.type == UNSUPPORTED:
                kind = entry.get("type")
                self._warn(f"{kind} is not supported; scoring it will be an error", place)
            yield assertion

    def _resolved(self, variables: Mapping[str, Any], place: Where) -> dict[str, Any]:
        found = {}
        for name, given in variables.items():
            is_file = isinstance(given, str) and given.startswith("file://")
            value = _text(self._path(given, place)) if is_file else given
            found[name] = value.removesuffix("\n") if isinstance(value, str) else value
        for _ in range(PASSES):
            changed = {name: _filled(value, found) for name, value in found.items()}
            if changed == found:
                break
            found = changed
        return found


def _models(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the judge and the embeddings that the options of all tests name."""
    given = options.get("provider")
    if isinstance(given, Mapping) and "id" not in given:
        named = {"judge": given.get("text"), "embeddings": given.get("embedding")}
    else:
        named = {"judge": given}
    ids = {need: one.get("id") if isinstance(one, Mapping) else one for need, one in named.items()}
    return {need: one for need, one in ids.items() if isinstance(one, str) and one}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SuiteError(f"{path.name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SuiteError(f"{path.name} is not UTF-8 (byte {error.start + 1})") from None


def _json_line(line: str, file: str, number: int) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise SuiteError(f"{file}, line {number}: this is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise SuiteError(f"{file}, line {number}: a test is an object with vars and assert")
    return found


def _sheet(path: Path, reference: str) -> list[tuple[int, list[str]]]:
    from openpyxl import load_workbook  # noqa: PLC0415 (10 MB that only this needs)

    wanted = reference.partition("#")[2]
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (OSError, ValueError, KeyError, EngineError) as error:
        raise SuiteError(f"{path.name} is no workbook: {error}") from None
    if wanted.isdigit() and 0 < int(wanted) <= len(book.sheetnames):
        wanted = book.sheetnames[int(wanted) - 1]
    if wanted and wanted not in book.sheetnames:
        raise SuiteError(f"{path.name} has no sheet “{wanted}”; there are {book.sheetnames}")
    sheet = book[wanted] if wanted else book.worksheets[0]
    return [
        (line, ["" if cell is None else str(cell) for cell in row])
        for line, row in enumerate(sheet.iter_rows(values_only=True), start=1)
    ]


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    found = {**one, **other}
    options = {**(one.get("options") or {}), **(other.get("options") or {})}
    for key in ("vars", "metadata"):
        found[key] = {**(one.get(key) or {}), **(other.get(key) or {})}
    inherited = [] if options.get("disableDefaultAsserts") else one.get("assert") or []
    own = other.get("assert") or []
    found["assert"] = [*inherited, *own] if isinstance(own, list) else own
    return {**found, "options": options}


def _expanded(variables: Mapping[str, Any], *, active: bool) -> Iterable[dict[str, Any]]:
    """Yield every combination of the lists of texts."""
    lists = [
        [(name, one) for one in value]
        if active and isinstance(value, list) and value and all(isinstance(v, str) for v in value)
        else [(name, value)]
        for name, value in variables.items()
    ]
    return (dict(combination) for combination in itertools.product(*lists))


def _filled(value: Any, variables: Mapping[str, Any]) -> Any:
    """Return a text with its {{names}} filled; what is not a plain name stays."""
    if not isinstance(value, str) or "{{" not in value:
        return value
    for name, other in variables.items():
        if isinstance(other, str | int | float) and other != value:
            for spaced in (f"{{{{{name}}}}}", f"{{{{ {name} }}}}"):
                value = value.replace(spaced, str(other))
    return value


def _rendered(assertion: Assertion, variables: Mapping[str, Any]) -> Assertion:
    value = assertion.value
    if isinstance(value, str):
        value = _filled(value, variables)
    elif isinstance(value, list):
        value = [_filled(one, variables) for one in value]
    members: Sequence[Assertion] = assertion.assertions
    if value is assertion.value and not members:
        return assertion
    return replace(
        assertion, value=value, assertions=tuple(_rendered(one, variables) for one in members)
    )


def _threshold(value: Any, place: Where) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise SuiteError(f"{place}: threshold is a number from 0 to 1")
    return float(value)
