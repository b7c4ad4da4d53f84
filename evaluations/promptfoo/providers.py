"""The models of a configuration, and what it names as judge."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from evaluations.engine.errors import SetupError, SuiteError
from evaluations.engine.formats.yaml_document import Document
from evaluations.engine.providers import ProviderSpec, list_left_out, parse_spec
from evaluations.promptfoo.files import CODE, Source, Where

__all__ = ["ProviderSource", "list_models", "read_providers"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderSource:
    """A model of a configuration."""

    spec: ProviderSpec
    """What is asked."""
    names: tuple[str, ...]
    """What tests may call it: its label, its id as it was written, and the short one."""


def read_providers(source: Source, document: Document) -> list[ProviderSource]:
    """Return the models of a configuration, in their order and each once.

    Raises:
        SuiteError: one is unknown, would run code, or holds a key; names the place.
    """
    key = "providers" if "providers" in document.value else "targets"
    found: list[ProviderSource] = []
    seen: list[Any] = []
    for given, where, path in _listed(source, document.value.get(key) or [], document, (key,)):
        if given not in seen:
            found.append(_read(source, given, where, path))
            seen.append(given)
    return found


Listed = tuple[Any, Document, tuple[Any, ...]]


def _listed(
    source: Source,
    given: Any,
    document: Document,
    path: tuple[Any, ...],
    within: tuple[PurePosixPath, ...] = (),
) -> Iterator[Listed]:
    for number, one in enumerate(given if isinstance(given, list) else [given]):
        here = (*path, number) if isinstance(given, list) else path
        if isinstance(one, str) and one.startswith("file://") and not one.endswith(CODE):
            spot = document.spot(*here)
            file = source.path(one, spot)
            inside = source.open_list(file, spot, within)
            inner = source.document(file)
            yield from _listed(source, inner.value or [], inner, (), inside)
        else:
            yield one, document, here


def _read(source: Source, given: Any, document: Document, path: tuple[Any, ...]) -> ProviderSource:
    spot = document.spot(*path)
    try:
        loaded = _with_files(source, given, spot)
        spec = parse_spec(loaded)
    except SetupError as error:
        raise SuiteError(error.sentence, at=spot) from None
    if spec.kind == "replay":
        source.path(spec.model, spot)  # refuses a file outside, whether it is there or not
    for inside, sentence in list_left_out(given):
        source.warn(sentence, document.spot(*path, *inside))
    written = given if isinstance(given, str) else str(given.get("id") or next(iter(given)))
    short = f"{spec.kind}:{spec.model}" if spec.model else spec.kind
    return ProviderSource(spec=spec, names=tuple(filter(None, (spec.label, written, short))))


def _with_files(source: Source, given: Any, spot: Where) -> Any:
    """Return a provider whose settings are loaded from the files that they name."""
    if isinstance(given, Mapping):
        return {key: _with_files(source, one, spot) for key, one in given.items()}
    if isinstance(given, list):
        return [_with_files(source, one, spot) for one in given]
    if not isinstance(given, str) or not given.startswith("file://"):
        return given
    path = source.path(given, spot)
    if path.suffix.lower() in (".yaml", ".yml", ".json"):
        return source.document(path).value
    return source.load_text(path)


def list_models(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the judge and the embeddings that the options of all tests name."""
    given = options.get("provider")
    if isinstance(given, Mapping) and "id" not in given:
        named = {"judge": given.get("text"), "embeddings": given.get("embedding")}
    else:
        named = {"judge": given}
    ids = {need: one.get("id") if isinstance(one, Mapping) else one for need, one in named.items()}
    return {need: one for need, one in ids.items() if isinstance(one, str) and one}
