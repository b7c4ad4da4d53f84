"""The files that a configuration names: what a reference means, and what its file holds."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from core.language import gettext as _
from core.tables import UnreadableError
from core.tables.encodings import decode
from evaluations.engine.errors import SuiteError
from evaluations.engine.files import Files, is_pattern
from evaluations.engine.formats.yaml_document import Document, KeyPath, LazyLocation, load_document
from evaluations.engine.providers.keys import find_secret
from evaluations.engine.types import FileLocation, ImportNotice
from evaluations.promptfoo.references import resolve_references

__all__ = [
    "CODE",
    "REMOTE",
    "Location",
    "Render",
    "Source",
    "find_environment",
]

REMOTE: Final = (
    *("http://", "https://", "langfuse://", "portkey://", "helicone://", "huggingface://"),
    *("hf://", "az://", "package:"),
)
CODE: Final = (".py", ".js", ".ts", ".mjs", ".cjs", ".mts", ".cts", ".rb", ".go", ".sh")
RUNS: Final = re.compile(rf"(?:{'|'.join(map(re.escape, CODE))})(?::\w+)?\Z")

# Without what stands around it: `{{[^}]*` before it would take the square of a long text's length.
ENVIRONMENT: Final = re.compile(r"""\benv\s{0,9}(?:\.\s{0,9}(\w+)|\[\s{0,9}["']?(\w*))""")
MAX_LISTS: Final = 2000  # that lists name: each may name the next one several times
TAG_LENGTH: Final = 1000  # characters in which a tag begins before what it reads
SECRETS: Final = frozenset(
    """
    AUTH COOKIE CREDENTIAL CREDENTIALS KEY KEYS PASS PASSPHRASE PASSWD PASSWORD PAT PWD SECRET
    SECRETS TOKEN TOKENS DSN URI URL
    """.split()  # noqa: SIM905 (a table of words; an address often holds a password)
)

Location = FileLocation | LazyLocation
Render = Callable[[str, Mapping[str, object]], str]
"""Fills a text with values; ValueError with one sentence where it cannot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A configuration that is being read."""

    files: Files
    """Where the files that it names are; nothing else is opened."""
    render: Render
    """How texts are filled with values."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What of the environment may be read: all of it from the command line, nothing elsewhere."""
    warnings: list[ImportNotice] = field(default_factory=list)
    """What has been found so far."""
    lists: list[PurePosixPath] = field(default_factory=list)
    """Files that lists in files named, each as often as it was opened."""

    def open_list(
        self, path: PurePosixPath, location: Location, within: tuple[PurePosixPath, ...]
    ) -> tuple[PurePosixPath, ...]:
        """Return the files that a list in a file stands in, itself the last one.

        Args:
            path: the file.
            location: where it is named.
            within: the files that this place stands in.

        Raises:
            SuiteError: a file leads back to itself, or lists name each other without end.
        """
        if path in within:
            raise SuiteError("promptfoo.file-cycle", at=location, reference=path)
        if within:
            self.lists.append(path)
        if len(self.lists) > MAX_LISTS:
            raise SuiteError("promptfoo.too-many-lists", at=location, limit=f"{MAX_LISTS:,}")
        return (*within, path)

    def warn(self, message: str, location: Location) -> None:
        """Note what was read and not carried out."""
        if isinstance(location, LazyLocation):
            location = location.find()
        self.warnings.append(ImportNotice(message=message, location=location))

    def path(self, reference: str, location: Location) -> PurePosixPath:
        """Return the file that a reference means, as a path in the configuration's folder.

        Raises:
            SuiteError: it is elsewhere, or would run code.
        """
        name = self._name(reference, location).partition("#")[0]
        with _at(location):
            return self.files.locate(name)

    def paths(self, reference: str, location: Location) -> list[PurePosixPath]:
        """Return the files that a path or a pattern means, sorted; of a pattern perhaps none.

        Raises:
            SuiteError: as `path` does.
        """
        name = self._name(reference, location)
        if not is_pattern(name):
            return [self.path(reference, location)]
        with _at(location):
            return self.files.match(name)

    def _name(self, reference: str, location: Location) -> str:
        if reference.startswith(REMOTE):
            raise SuiteError("promptfoo.remote", at=location, reference=reference)
        if RUNS.search(reference):
            raise SuiteError("promptfoo.code", at=location, reference=reference)
        return reference.removeprefix("file://")

    def load_text(self, path: PurePosixPath) -> str:
        """Return the text of a file that `path` or `paths` gave; line ends as they are.

        Raises:
            SuiteError: it cannot be read; says why.
        """
        try:
            text, notes = decode(self.files.read(path))
        except UnreadableError as error:
            raise SuiteError(error.sentence, at=path.name) from None
        for note in notes:
            self.warn(str(note), FileLocation(file=path.name))
        return text

    def document(self, path: PurePosixPath) -> Document:
        """Return a YAML or JSON file, its `$ref` in place."""
        text = self.load_text(path)
        document = load_document(text, path.name)
        # Most files contain neither, and to walk through thousands of tests takes a while.
        if "env" in text:
            self.warn_of_environment(document.value, document, ())
        if "$ref" in text:
            return resolve_references(document, self._referenced)
        return document

    def warn_of_environment(self, value: object, document: Document, path: KeyPath) -> None:
        """Warn of each text that reads variables of the environment.

        Raises:
            SuiteError: it is one that holds a key.
        """
        if isinstance(value, str):
            self._warn_of_text(value, document.location(*path))
        elif isinstance(value, dict):
            for key, inner in value.items():
                self.warn_of_environment(inner, document, (*path, key))
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                self.warn_of_environment(inner, document, (*path, number))

    def _warn_of_text(self, text: str, location: Location) -> None:
        variable = find_environment(text)
        if variable is None:
            return
        _start, name = variable
        if _is_secret(name):
            raise SuiteError("promptfoo.variable", at=location, name=name)
        self.warn(_("environment variables are not read; they render as empty text"), location)

    def _referenced(self, reference: str, location: Location) -> object:
        path = self.path(reference, location)
        return load_document(self.load_text(path), path.name).value


def find_environment(text: str) -> tuple[int, str] | None:
    """Return where a tag begins that reads a variable of the environment, and which.

    Of several the first one that looks like a key.
    """
    first: tuple[int, str] | None = None
    for match in ENVIRONMENT.finditer(text):
        start = max(0, match.start() - TAG_LENGTH)
        before = text[start : match.start()]
        opened = max(before.rfind("{{"), before.rfind("{%"))
        closed = max(before.rfind("}}"), before.rfind("%}"))
        if opened <= closed:
            continue  # “env” outside of any tag is a word
        name = match[1] or match[2] or ""
        if _is_secret(name):
            return start + opened, name
        if first is None:
            first = start + opened, name
    return first


def _is_secret(variable: str) -> bool:
    """Whether a variable of the environment holds a key, or an address that may."""
    words = variable.upper().split("_")
    return not SECRETS.isdisjoint(words) or bool(find_secret({variable: "a string"}))


@contextmanager
def _at(location: Location) -> Iterator[None]:
    """Begin the sentence of a refusal with the place of the reference."""
    try:
        yield
    except SuiteError as error:
        raise error.within(location) from None
