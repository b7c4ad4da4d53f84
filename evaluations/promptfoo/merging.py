"""Several configurations as one: what each says of all tests, put together as promptfoo does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.yaml_document import Document
from evaluations.promptfoo.cases import ConfiguredTest, list_entries, read_variables
from evaluations.promptfoo.files import Source
from evaluations.promptfoo.tests import read_default

__all__ = ["ReadFile", "merge_defaults", "merge_maps"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadFile:
    """A configuration, and where the files are that it names."""

    source: Source
    document: Document


def merge_defaults(files: Sequence[ReadFile], variables: Mapping[str, str]) -> ConfiguredTest:
    """Return the defaultTest of all files: variables by name, assertions one after the other.

    Args:
        files: at least one.
        variables: those of the command line, which count more than a file's.

    Raises:
        SuiteError: one of them is wrong; names the place.
    """
    defaults = [read_default(file.source, file.document) for file in files]
    first = defaults[0]
    if len(defaults) == 1 and not variables:
        return first
    entry: dict[str, object] = {}
    for default in defaults:
        entry |= default.entry
    merged: dict[str, object] = {}
    for file, default in zip(files, defaults, strict=True):
        merged |= read_variables(file.source, default)
    entry["vars"] = {**merged, **variables}
    for key in ("options", "metadata"):
        together: dict[str, object] = {}
        for default in defaults:
            together |= list_entries(default, key)
        entry[key] = together
    parts = tuple((default.entry, default.document, default.path) for default in defaults)
    return ConfiguredTest(entry=entry, document=first.document, path=first.path, parts=parts)


def merge_maps(files: Sequence[ReadFile], key: str, code: str) -> dict[str, object]:
    """Return what a key of all files holds together; the later file counts more.

    Raises:
        SuiteError: with `code`; one of them is no object.
    """
    merged: dict[str, object] = {}
    for file in files:
        value = file.document.mapping.get(key)
        if value is not None and not isinstance(value, Mapping):
            raise SuiteError(code, at=file.document.location(key))
        merged |= value or {}
    return merged
