"""The files that a configuration names: what a reference means, and what its file holds."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Final, cast

from core.language import gettext as _
from core.tables import UnreadableError
from core.tables.encodings import decode
from evaluations.engine.errors import SuiteError
from evaluations.engine.files import Files, is_pattern
from evaluations.engine.formats.yaml_document import Document, KeyPath, LazyLocation, load_document
from evaluations.engine.types import FileLocation, ImportNotice
from evaluations.promptfoo.environment import (
    ADDRESSES,
    Reader,
    is_secret,
    list_readable,
)
from evaluations.promptfoo.references import resolve_references

__all__ = [
    "CODE",
    "REMOTE",
    "RUNS",
    "Location",
    "Render",
    "Source",
]

REMOTE: Final = (
    *("http://", "https://", "langfuse://", "portkey://", "helicone://", "huggingface://"),
    *("hf://", "az://", "package:"),
)
CODE: Final = (".py", ".js", ".ts", ".mjs", ".cjs", ".mts", ".cts", ".rb", ".go", ".sh")
RUNS: Final = re.compile(rf"(?:{'|'.join(map(re.escape, CODE))})(?::\w+)?\Z")

PROGRAM_SECONDS: Final = 20.0  # of all programs that are run while a configuration is read
MAX_LISTS: Final = 2000  # that lists name: each may name the next one several times
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
    """What may be read of the environment and of the configuration's own `env`."""
    own_variables: Mapping[str, str] = field(default_factory=dict)
    """Those of them that the configuration sets itself."""
    reads_environment: bool = False
    """Whether this is a command, which reads the environment; what is uploaded never does."""
    warnings: list[ImportNotice] = field(default_factory=list)
    """What has been found so far."""
    programs: list[float] = field(default_factory=lambda: [PROGRAM_SECONDS])
    """What is left of the processor time of programs, such as generators of tests."""
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

    def code_path(self, name: str, location: Location) -> PurePosixPath:
        """Return the file that code stands in, which `path` refuses.

        Raises:
            SuiteError: it is elsewhere.
        """
        with _at(location):
            return self.files.locate(name)

    def has_file(self, name: str) -> bool:
        """Whether there is a file of that path, as `code_path` gives them; one outside is none."""
        if name.startswith(("/", "..")):
            return False
        try:
            return self.files.exists(PurePosixPath(name))
        except SuiteError:
            return False

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
            document = document.with_value(self.fill_environment(document.value, document, ()))
        if "$ref" in text:
            return resolve_references(document, self._referenced)
        return document

    def with_own_variables(self, path: PurePosixPath) -> "Source":
        """Return the source with the variables that a configuration sets itself.

        Args:
            path: the configuration's.
        """
        text = self.load_text(path)
        own = load_document(text, path.name).value if "env" in text else None
        entries = own.get("env") if isinstance(own, dict) else None
        if not isinstance(entries, dict):
            return self
        # They may read the environment themselves, but not each other.
        document = Document(value=entries, file=path.name, text=text)
        settable = {
            name: value
            for name, value in entries.items()
            if not is_secret(str(name), in_address=True)
        }
        silent = replace(self, warnings=[])
        filled = silent.fill_environment(settable, document, ("env",))
        own_variables = list_readable(cast("dict[str, object]", filled))
        variables = {**self.variables, **own_variables}
        return replace(self, variables=variables, own_variables=own_variables)

    def fill_environment(self, value: object, document: Document, path: KeyPath) -> object:
        """Return a value whose texts have what their tags read of the environment.

        Raises:
            SuiteError: one reads what looks like a secret, and is no place of a key.
        """
        if isinstance(value, str):
            return self._fill_text(value, document, path)
        if isinstance(value, dict):
            return {
                key: self.fill_environment(inner, document, (*path, key))
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [
                self.fill_environment(inner, document, (*path, number))
                for number, inner in enumerate(value)
            ]
        return value

    def _fill_text(self, text: str, document: Document, path: KeyPath) -> str:
        # In settings of a provider a key may be named; `providers` refuses all other names.
        may_name = "config" in path
        in_address = bool(path) and path[-1] in ADDRESSES
        return self.fill_text(
            text,
            lambda _start: document.location(*path),
            in_address=in_address,
            may_name_secrets=may_name,
        )

    def fill_text(
        self,
        text: str,
        locate: Callable[[int], Location],
        *,
        in_address: bool = False,
        may_name_secrets: bool = False,
    ) -> str:
        """Return a text with what its tags read of the environment.

        Args:
            text: it may have several tags.
            locate: says where one stands that begins at a position of the text.
            in_address: whether it is an address.
            may_name_secrets: whether a tag that reads a secret stays as it is.

        Raises:
            SuiteError: a tag reads what looks like a secret.
        """

        def refuse(start: int, name: str) -> None:
            if not may_name_secrets:
                raise SuiteError("promptfoo.variable", at=locate(start), name=name)

        reader = Reader(
            variables=self.variables,
            render=lambda tag: self.render(tag, {}),
            on_secret=refuse,
            on_unset=lambda start, name: self._warn_of_unset(name, locate(start)),
            in_address=in_address,
        )
        return reader.fill(text)

    def _warn_of_unset(self, name: str, location: Location) -> None:
        if self.reads_environment:
            sentence = _("the environment variable %(name)s is not set; it renders as empty text")
        else:
            sentence = _(
                "%(name)s renders as empty text: of what is uploaded, only the file's own “env” "
                "is read, never the server's environment"
            )
        self.warn(sentence % {"name": name}, location)

    def _referenced(self, reference: str, location: Location) -> object:
        path = self.path(reference, location)
        return load_document(self.load_text(path), path.name).value


@contextmanager
def _at(location: Location) -> Iterator[None]:
    """Begin the sentence of a refusal with the place of the reference."""
    try:
        yield
    except SuiteError as error:
        raise error.within(location) from None
