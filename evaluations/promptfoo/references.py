"""`$ref` in configurations: what stands elsewhere, also in another file, is put in place."""

from collections.abc import Callable
from typing import Final

from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.yaml_document import Document, KeyPath, LazyLocation

__all__ = ["resolve_references"]

MOST: Final = 10_000  # references; each may hold others
MOST_VALUES: Final = 1_000_000  # with all that references repeat
MISSING: Final = object()

Load = Callable[[str, LazyLocation], object]


def resolve_references(document: Document, load: Load) -> Document:
    """Return a document in which each {$ref: "#/a/b"} is what stands there.

    Keys beside `$ref` stay and win. A reference inside of a `value` or of `parameters` that leads
    nowhere is a JSON Schema's own and stays.

    Args:
        document: what was read.
        load: returns what another file holds, for {$ref: "other.yaml#/a/b"}.

    Raises:
        SuiteError: a reference leads nowhere, or to itself; names the place.
    """
    resolver = _Resolver(document, load)
    value = resolver.resolve(document.value, (), ())
    return document.with_value(value) if resolver.count else document


class _Resolver:
    def __init__(self, document: Document, load: Load) -> None:
        self.document = document
        self.load = load
        self.count = 0
        self._left = MOST_VALUES

    def resolve(self, value: object, path: KeyPath, within: tuple[str, ...]) -> object:
        """Return a value with every reference in it replaced.

        Args:
            value: what stands at `path`.
            path: where in the document that is.
            within: the references that led here, of which none may come again.
        """
        self._left -= 1
        if self._left < 0:
            raise SuiteError(
                "file.too-many-values", at=self.document.file, limit=f"{MOST_VALUES:,}"
            )
        if isinstance(value, list):
            return [self.resolve(item, (*path, index), within) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        entries = {key: self.resolve(inner, (*path, key), within) for key, inner in value.items()}
        reference = value.get("$ref")
        # What parameters of a tool contain is a JSON Schema, which refers to itself.
        if not isinstance(reference, str) or "parameters" in path:
            return entries
        return self._replace(reference, entries, path, within)

    def _replace(
        self, reference: str, entries: dict[str, object], path: KeyPath, within: tuple[str, ...]
    ) -> object:
        """Return what a reference leads to, with the keys beside it put in."""
        location = self.document.location(*path)
        self.count += 1
        if reference in within or self.count > MOST:
            raise SuiteError("promptfoo.file-cycle", at=location, reference=reference)
        target = self._target(reference, location)
        if target is MISSING:
            if "value" in path:
                return entries  # of a JSON Schema that answers are checked with
            if "assertionTemplates" in reference:
                name = reference.rpartition("/")[2]
                raise SuiteError("promptfoo.unknown-template", at=location, name=name)
            raise SuiteError("promptfoo.reference", at=location, reference=reference)
        target = self.resolve(target, path, (*within, reference))
        if not isinstance(target, dict):
            return target
        beside = {key: value for key, value in entries.items() if key != "$ref"}
        return {**target, **beside}

    def _target(self, reference: str, location: LazyLocation) -> object:
        file, _hash, pointer = reference.partition("#")
        value = self.load(file, location) if file else self.document.value
        for part in pointer.split("/")[1:]:
            # RFC 6901: ~1 is a slash and ~0 a tilde, replaced in this order.
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and name.isdigit() and int(name) < len(value):
                value = value[int(name)]
            elif isinstance(value, dict) and name in value:
                value = value[name]
            else:
                return MISSING
        return value
