"""The models of a configuration, and what it names as judge."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final

from core.language import gettext as _
from evaluations.engine.errors import SetupError, SuiteError, UnknownProviderError
from evaluations.engine.formats.yaml_document import Document, KeyPath
from evaluations.engine.providers import (
    Kind,
    ProviderSpec,
    as_unavailable,
    list_left_out,
    parse_configured,
)
from evaluations.engine.providers.keys import find_secret
from evaluations.promptfoo.environment import (
    KEYS,
    find_secret_variable,
    is_key_of_header,
    name_of_key,
)
from evaluations.promptfoo.files import CODE, RUNS, Location, Source
from evaluations.promptfoo.requests import as_sent

__all__ = ["ProviderSource", "list_models", "load_files", "read_named_providers", "read_providers"]

NOT_LOADED: Final = ("id", "transform")
HEADERS: Final = "headers"
DESCRIBED: Final = ("http", "https", "webhook")
OWN_ADDRESSES: Final[Mapping[str, tuple[str, ...]]] = {
    Kind.OPENAI: ("OPENAI_API_BASE_URL", "OPENAI_BASE_URL"),
    Kind.ANTHROPIC: ("ANTHROPIC_BASE_URL",),
}
"""What a configuration's own `env` may call the address of a service."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderSource:
    """A model of a configuration."""

    spec: ProviderSpec
    """What is asked."""
    names: tuple[str, ...]
    """What tests may call it: its label, its id as it was written, and the short one."""


def read_providers(source: Source, document: Document) -> list[ProviderSource]:
    """Return the models of a configuration, in their order and each once.

    One that cannot be asked here is among them, with the reason.

    Raises:
        SuiteError: one holds a key, or is written in a way that means nothing; names the place.
    """
    config = document.mapping
    # promptfoo has two names for the same list.
    key = "providers" if "providers" in config else "targets"
    providers: list[ProviderSource] = []
    seen: list[object] = []  # a list: objects have no hash
    for entry, where, path in _list_entries(source, config.get(key) or [], document, (key,)):
        if entry not in seen:
            providers.append(_read_provider(source, entry, where, path))
            seen.append(entry)
    return providers


def read_named_providers(source: Source, document: Document) -> list[ProviderSource]:
    """Return the models of a configuration that nobody will ask, since others take their place.

    They are there for their names, which tests may use. What is wrong with one is nobody's trouble:
    nothing of it is kept, and nothing is said of it.
    """
    silent = replace(source, warnings=[])
    try:
        return read_providers(silent, document)
    except SuiteError:
        return []


Entry = tuple[object, Document, KeyPath]


def _list_entries(
    source: Source,
    entries: object,
    document: Document,
    path: KeyPath,
    within: tuple[PurePosixPath, ...] = (),
) -> Iterator[Entry]:
    for number, entry in enumerate(entries if isinstance(entries, list) else [entries]):
        here = (*path, number) if isinstance(entries, list) else path
        # Code is no list of providers: `parse_configured` says so of its kind.
        if isinstance(entry, str) and entry.startswith("file://") and not entry.endswith(CODE):
            location = document.location(*here)
            file = source.path(entry, location)
            inside = source.open_list(file, location, within)
            inner = source.document(file)
            yield from _list_entries(source, inner.value or [], inner, (), inside)
        else:
            yield entry, document, here


def _read_provider(
    source: Source, entry: object, document: Document, path: KeyPath
) -> ProviderSource:
    location = document.location(*path)
    loaded = entry
    try:
        headers: Mapping[str, str] = {}
        if not _is_described(entry):
            entry = _name_keys(entry)
            _refuse_secrets(entry, location)
        loaded = _load_settings(source, entry, location)
        if not _is_described(entry):
            headers, loaded = _take_headers(loaded)
        spec = parse_configured(loaded)
    except UnknownProviderError as error:
        spec = as_unavailable(entry, str(error))
    except SetupError as error:
        raise SuiteError(error.sentence, at=location) from None
    if spec.kind == Kind.REPLAY:
        source.path(spec.model, location)  # refuses a file outside, whether it is there or not
    secret = find_secret({HEADERS: headers})
    if secret:
        raise SuiteError("provider.secret", at=location, spec=spec.name, path=secret)
    _warn(source, entry, spec, document, path)
    spec = _as_sent(source, spec, loaded, document, path)
    if headers:
        spec = replace(spec, settings={**spec.settings, HEADERS: headers})
    spec = _with_own_address(source, spec)
    return ProviderSource(spec=spec, names=_list_names(entry, spec))


def _list_names(entry: object, spec: ProviderSpec) -> tuple[str, ...]:
    """Return what tests may call a model."""
    written = str(entry)
    if isinstance(entry, Mapping):
        # An object without an id has it as its one key: {openai:gpt-4.1: {…}}.
        written = str(entry.get("id") or next(iter(entry)))
    short = f"{spec.kind}:{spec.model}" if spec.model else spec.kind
    return tuple(name for name in (spec.label, written, short) if name)


def _warn(
    source: Source, entry: object, spec: ProviderSpec, document: Document, path: KeyPath
) -> None:
    if spec.problem:
        warning = _("%(problem)s; the cases of this model will be errors")
        source.warn(warning % {"problem": spec.problem}, document.location(*path))
        return
    without_headers = entry if _is_described(entry) else _take_headers(entry)[1]
    for inside, sentence in list_left_out(without_headers):
        source.warn(sentence, document.location(*path, *inside))


def _as_sent(
    source: Source, spec: ProviderSpec, entry: object, document: Document, path: KeyPath
) -> ProviderSpec:
    """Return a model with the parameters that promptfoo sends; warn of those that it does not."""
    sent, unsent = as_sent(spec, _find_config(entry), source.variables)
    written = path if isinstance(entry, str) else (*path, "config")
    for sentence in unsent.values():
        source.warn(sentence, document.location(*written))
    return sent


def _is_described(entry: object) -> bool:
    """Whether a provider is a request that its settings describe; they are its own to read."""
    if isinstance(entry, Mapping):
        entry = entry.get("id") if not _is_named_by_key(entry) else next(iter(entry))
    return isinstance(entry, str) and entry.partition(":")[0] in DESCRIBED


def _refuse_secrets(entry: object, location: Location) -> None:
    """Refuse what would send a secret of the environment to a model."""
    name = find_secret_variable(_find_config(entry))
    if name:
        raise SuiteError("promptfoo.variable", at=location, name=name)


def _name_keys(entry: object) -> object:
    """Return a provider whose keys are named: `{{env.NAME}}` says which variable holds one."""
    config = _find_config(entry)
    if not config:
        return entry
    changed = dict(config)
    names = [name_of_key(changed.get(key)) for key in KEYS]
    for key in KEYS:
        if name_of_key(changed.get(key)):
            del changed[key]
    headers = changed.get(HEADERS)
    if isinstance(headers, Mapping):
        named = {key for key in headers if is_key_of_header(str(key))}
        named = {key for key in named if name_of_key(headers[key])}
        names += [name_of_key(headers[key]) for key in named]
        changed[HEADERS] = {key: value for key, value in headers.items() if key not in named}
    for name in filter(None, names):
        changed.setdefault("apiKeyEnvar", name)
    return _with_config(entry, changed)


def _take_headers(entry: object) -> tuple[dict[str, str], object]:
    """Return the headers that a provider sets, and the provider without them."""
    config = _find_config(entry)
    headers = config.get(HEADERS)
    if not isinstance(headers, Mapping):
        return {}, entry
    rest = {key: value for key, value in config.items() if key != HEADERS}
    return {str(name): str(value) for name, value in headers.items()}, _with_config(entry, rest)


def _find_config(entry: object) -> Mapping[str, Any]:
    """Return the settings of a provider, {} where it has none."""
    if isinstance(entry, Mapping) and _is_named_by_key(entry):
        [entry] = entry.values()
    config = entry.get("config") if isinstance(entry, Mapping) else None
    return config if isinstance(config, Mapping) else {}


def _with_config(entry: object, config: Mapping[str, object]) -> object:
    """Return a provider that has settings with others."""
    if not isinstance(entry, Mapping):
        return entry
    if not _is_named_by_key(entry):
        return {**entry, "config": config}
    [(name, settings)] = entry.items()
    return {name: {**settings, "config": config}}


def _is_named_by_key(entry: Mapping[str, object]) -> bool:
    """Whether it is {openai:gpt-4.1: {…}}, without an id of its own."""
    return len(entry) == 1 and "id" not in entry


def _with_own_address(source: Source, spec: ProviderSpec) -> ProviderSpec:
    """Return a model with the address that the configuration's own `env` says."""
    if spec.base_url or spec.problem:
        return spec
    for variable in OWN_ADDRESSES.get(spec.kind, ()):
        url = source.own_variables.get(variable)
        if url:
            return replace(spec, base_url=url)
    return spec


def _load_settings(source: Source, entry: object, location: Location) -> object:
    """Return a provider whose settings are loaded from the files that they name.

    Its id and its transform are code where they name a file; what becomes of that is not said here.
    """
    if not isinstance(entry, Mapping):
        return entry
    loaded: dict[str, object] = {}
    for key, value in entry.items():
        loaded[key] = value if key in NOT_LOADED else load_files(source, value, location)
    return loaded


def load_files(source: Source, value: object, location: Location) -> object:
    """Return a value with what the files contain that its texts name.

    Raises:
        SuiteError: one cannot be read.
        UnknownProviderError: one would run.
    """
    if isinstance(value, Mapping):
        return {key: load_files(source, inner, location) for key, inner in value.items()}
    if isinstance(value, list):
        return [load_files(source, inner, location) for inner in value]
    if not isinstance(value, str) or not value.startswith("file://"):
        return value
    if RUNS.search(value):
        raise UnknownProviderError("provider.code", text=value)
    path = source.path(value, location)
    if path.suffix.lower() in (".yaml", ".yml", ".json"):
        return source.document(path).value
    return source.load_text(path)


def list_models(options: Mapping[str, object]) -> dict[str, str]:
    """Return the judge and the embeddings that the options of all tests name."""
    provider = options.get("provider")
    if isinstance(provider, Mapping) and "id" not in provider:
        providers = {"judge": provider.get("text"), "embeddings": provider.get("embedding")}
    else:
        providers = {"judge": provider}
    models: dict[str, str] = {}
    for need, value in providers.items():
        name = value.get("id") if isinstance(value, Mapping) else value
        if isinstance(name, str) and name:
            models[need] = name
    return models
