"""`$ref` in configurations: what stands elsewhere, also in another file, is put in place."""

from collections.abc import Callable
from typing import Any, Final

from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.yaml_document import Document, LazyLocation

__all__ = ["resolve_references"]

MOST: Final = 10_000  # references; each may hold others
MOST_VALUES: Final = 1_000_000  # with all that references repeat
MISSING: Final = object()

Load = Callable[[str, LazyLocation], Any]


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

    def resolve(self, value: Any, path: tuple[Any, ...], within: tuple[str, ...]) -> Any:
        self._left -= 1
        if self._left < 0:
            raise SuiteError(
                "file.too-many-values", at=self.document.file, limit=f"{MOST_VALUES:,}"
            )
        if isinstance(value, list):
            return [self.resolve(one, (*path, place), within) for place, one in enumerate(value)]
        if not isinstance(value, dict):
            return value
        found = {key: self.resolve(one, (*path, key), within) for key, one in value.items()}
        reference = value.get("$ref")
        if not isinstance(reference, str) or "parameters" in path:
            return found
        return self._found(reference, found, path, within)

    def _found(
        self, reference: str, beside: dict[str, Any], path: tuple[Any, ...], within: tuple[str, ...]
    ) -> Any:
        spot = self.document.spot(*path)
        self.count += 1
        if reference in within or self.count > MOST:
            raise SuiteError("promptfoo.file-cycle", at=spot, reference=reference)
        target = self._target(reference, spot)
        if target is MISSING:
            if "value" in path:
                return beside
            raise SuiteError(f"{spot}: {_nothing(reference)}")
        target = self.resolve(target, path, (*within, reference))
        rest = {key: one for key, one in beside.items() if key != "$ref"}
        return {**target, **rest} if isinstance(target, dict) else target

    def _target(self, reference: str, spot: LazyLocation) -> Any:
        file, _hash, pointer = reference.partition("#")
        value = self.load(file, spot) if file else self.document.value
        for part in pointer.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and name.isdigit() and int(name) < len(value):
                value = value[int(name)]
            elif isinstance(value, dict) and name in value:
                value = value[name]
            else:
                return MISSING
        return value


def _nothing(reference: str) -> str:
    if "assertionTemplates" in reference:
        return f"there is no assertion template “{reference.rpartition('/')[2]}”"
    return f"“{reference}” leads nowhere"
