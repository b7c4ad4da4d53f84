"""The files that a configuration names, read inside of its folder and nowhere else."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.promptfoo_references import resolve_references
from evaluations.engine.formats.yaml_document import Document, Spot, load_document
from evaluations.engine.types import Place, Warned

__all__ = [
    "CODE",
    "ENVIRONMENT",
    "REMOTE",
    "Render",
    "Rows",
    "Source",
    "Where",
    "read_sheet",
    "read_text",
]

REMOTE: Final = (
    *("http://", "https://", "langfuse://", "portkey://", "helicone://", "huggingface://"),
    *("hf://", "az://", "package:"),
)
CODE: Final = (".py", ".js", ".ts", ".mjs", ".cjs", ".mts", ".cts", ".rb", ".go", ".sh")
RUNS: Final = re.compile(rf"(?:{'|'.join(map(re.escape, CODE))})(?::\w+)?\Z")
MAGIC: Final = re.compile(r"[*?\[]")
BRACES: Final = re.compile(r"\{([^{}]*,[^{}]*)\}")

ENVIRONMENT: Final = re.compile(r"\{\{[^}]*\benv[.\[]")

Where = Place | Spot
Rows = list[tuple[int, list[str]]]
Render = Callable[[str, Mapping[str, Any]], str]
"""Fills a text with values; ValueError with one sentence where it cannot."""


def read_text(path: Path) -> str:
    """Return what a file says.

    Raises:
        SuiteError: it cannot be read; says why.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")  # line ends as they are
    except OSError as error:
        raise SuiteError(f"{path.name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SuiteError(f"{path.name} is not UTF-8 (byte {error.start + 1})") from None


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A configuration that is being read."""

    folder: Path
    """Where it lies; no file is read outside of it."""
    render: Render
    """How texts are filled with values."""
    warnings: list[Warned] = field(default_factory=list)
    """What has been found so far."""

    def warn(self, message: str, place: Where) -> None:
        """Note what was read and not carried out."""
        known = place.place if isinstance(place, Spot) else place
        self.warnings.append(Warned(message=message, place=known))

    def path(self, reference: str, place: Where) -> Path:
        """Return the file that a reference means.

        Raises:
            SuiteError: it is elsewhere, or would run code.
        """
        bare = self._bare(reference, place).partition("#")[0]
        path = (self.folder / bare).resolve()
        if not path.is_relative_to(self.folder):
            raise SuiteError(f"{place}: “{reference}” is outside of the configuration's folder")
        return path

    def paths(self, reference: str, place: Where) -> list[Path]:
        """Return the files that a path or a pattern means, sorted; of a pattern perhaps none.

        Raises:
            SuiteError: as `path` does.
        """
        bare = self._bare(reference, place)
        if not MAGIC.search(bare) and not BRACES.search(bare):
            return [self.path(reference, place)]
        if bare.startswith("/") or ".." in Path(bare).parts:
            raise SuiteError(f"{place}: “{reference}” is outside of the configuration's folder")
        found = {path for one in _without_braces(bare) for path in self.folder.glob(one)}
        return sorted(path for path in found if path.is_file())

    def _bare(self, reference: str, place: Where) -> str:
        if reference.startswith(REMOTE):
            raise SuiteError(f"{place}: “{reference}” is not on this machine; save it as a file")
        if RUNS.search(reference):
            raise SuiteError(f"{place}: “{reference}” would run code, which is never done here")
        return reference.removeprefix("file://")

    def document(self, path: Path) -> Document:
        """Return a YAML or JSON file, its `$ref` in place."""
        text = read_text(path)
        document = load_document(text, path.name)
        # Most files hold neither, and to walk through thousands of tests takes a while.
        if "env" in text:
            self.warn_of_environment(document.value, document, ())
        return resolve_references(document, self._referenced) if "$ref" in text else document

    def warn_of_environment(self, value: Any, document: Document, path: tuple[Any, ...]) -> None:
        """Warn of each text that reads variables of the environment."""
        if isinstance(value, str):
            if ENVIRONMENT.search(value):
                said = "variables of the environment are not read; they are empty"
                self.warn(said, document.spot(*path))
        elif isinstance(value, dict):
            for key, inner in value.items():
                self.warn_of_environment(inner, document, (*path, key))
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                self.warn_of_environment(inner, document, (*path, number))

    def _referenced(self, reference: str, place: Where) -> Any:
        path = self.path(reference, place)
        return load_document(read_text(path), path.name).value


def _without_braces(pattern: str) -> Iterator[str]:
    """Yield the patterns that one with {a,b} stands for."""
    found = BRACES.search(pattern)
    if found is None:
        yield pattern
        return
    for part in found[1].split(","):
        yield from _without_braces(pattern[: found.start()] + part + pattern[found.end() :])


def read_sheet(path: Path, reference: str) -> Rows:
    """Return the rows of a workbook's first sheet, or of the one after the # of a reference.

    Raises:
        SuiteError: it is no workbook, or has no such sheet.
    """
    from openpyxl import load_workbook  # noqa: PLC0415 (10 MB that only this needs)

    try:
        with closing(load_workbook(path, read_only=True, data_only=True)) as book:
            return _rows(book, reference.partition("#")[2], path.name)
    except SuiteError:
        raise
    except OSError as error:
        raise SuiteError(f"{path.name} cannot be read: {error.strerror}") from None
    except Exception as error:  # openpyxl lets out whatever a damaged file makes it come upon
        raise SuiteError(f"{path.name} is no workbook (.xlsx)") from error


def _rows(book: Any, wanted: str, name: str) -> Rows:
    if wanted.isdigit() and 0 < int(wanted) <= len(book.sheetnames):
        wanted = book.sheetnames[int(wanted) - 1]
    if wanted and wanted not in book.sheetnames:
        raise SuiteError(f"{name} has no sheet “{wanted}”; there are {book.sheetnames}")
    sheet = book[wanted] if wanted else book.worksheets[0]
    return [
        (line, [_cell(cell) for cell in row])
        for line, row in enumerate(sheet.iter_rows(values_only=True), start=1)
    ]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
