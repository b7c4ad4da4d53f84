"""How people name models: texts such as openai:gpt-4.1-mini, and promptfoo's objects."""

import difflib
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from core.language import gettext as _
from evaluations.engine.errors import EngineError, SetupError, UnknownProviderError
from evaluations.engine.files import NO_FILES, RunFiles
from evaluations.engine.plugins import Plugin, PluginFaultError, Registry
from evaluations.engine.providers.addresses import make_policy
from evaluations.engine.providers.base import (
    MOST_AT_A_TIME,
    Environment,
    Kind,
    Limits,
    MakeProvider,
    Provider,
    ProviderSpec,
)
from evaluations.engine.providers.families import why_unsent
from evaluations.engine.providers.keys import (
    KEY_VARIABLE,
    check_address,
    find_secret,
    find_variable,
)
from evaluations.engine.providers.offline import UnavailableProvider, make_replay
from evaluations.engine.providers.services import ALIASES, APIS, SERVICES, find_api

__all__ = [
    "GROUP",
    "PROVIDERS",
    "as_unavailable",
    "list_left_out",
    "make",
    "parse_configured",
    "parse_spec",
]

logger = logging.getLogger(__name__)

LeftOut = tuple[tuple[str, ...], str]
"""The path to something in an object, and one sentence about it."""


def _lazy(module: str, name: str) -> MakeProvider:
    # An HTTP client is 10 MB and 0.1 s: only those who use it pay for it.
    def make_provider(spec: ProviderSpec, environment: Environment) -> Provider:
        make: MakeProvider = getattr(import_module(f"{PACKAGE}.{module}"), name)
        return make(spec, environment)

    return make_provider


def _without_files(spec: ProviderSpec, environment: Environment) -> Provider:
    # Recorded answers are a file, the only one that a provider's name can mean: `make` hands over
    # what may be read, and everybody else gets the refusal.
    return make_replay(spec, NO_FILES)


PACKAGE: Final = "evaluations.engine.providers"
GROUP: Final = "autoforge.providers"
"""The entry points of packages that add providers: the kind, and what makes one."""
OURS: Final[Mapping[str, MakeProvider]] = {
    Kind.OPENAI: _lazy("openai", "make_openai"),
    Kind.ANTHROPIC: _lazy("anthropic", "make_anthropic"),
    Kind.OPENAI_COMPATIBLE: _lazy("openai", "make_compatible"),
    Kind.LOCAL: _lazy("local", "make_local"),
    Kind.LOCAL_EMBEDDINGS: _lazy("local_embeddings", "make_local_embeddings"),
    Kind.REPLAY: _without_files,
    Kind.AZURE: _lazy("azure", "make_azure"),
    Kind.COHERE: _lazy("cohere", "make_cohere"),
    Kind.GOOGLE: _lazy("google", "make_google"),
    Kind.HUGGING_FACE_TEXT: _lazy("huggingface", "make_huggingface"),
    Kind.VERTEX: _lazy("google", "make_google"),
    Kind.HTTP: _lazy("endpoint", "make_endpoint"),
    Kind.WEBHOOK: _lazy("endpoint", "make_webhook"),
    Kind.ECHO: _lazy("offline", "make_echo"),
    **dict.fromkeys(SERVICES, _lazy("openai", "make_service")),
}
KIND: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MIDDLES: Final = {
    "openai": ("chat", "responses", "embedding", "embeddings"),
    "openai-compatible": ("chat", "embedding", "embeddings"),
    "anthropic": ("messages",),
    "ollama": ("chat", "completion", "embeddings", "embedding"),
}
# Other services of the same houses; they do not answer a chat.
OTHER_SERVICES: Final = {
    "openai": (
        *("completion", "assistant", "image", "moderation", "realtime", "audio", "speech"),
        *("transcription", "video", "agents", "chatkit", "codex", "codex-sdk"),
    ),
    "anthropic": ("completion", "claude-agent-sdk", "claude-code"),
}
OLLAMA: Final = "http://127.0.0.1:11434/v1"
# What services do besides; a model may have a colon in its name, and none of these is one.
NOT_CHATS: Final = ("image", "video", "audio", "voice", "tts", "realtime", "moderation")
DESCRIBED: Final = (Kind.HTTP, Kind.WEBHOOK)
"""Providers whose config is a request: nothing of it is a parameter of a model."""
# Without these the request would be another one: such a model is not asked at all.
NOT_CARRIED_OUT: Final = ("multipart", "session", "signatureAuth", "tls", "transformToolsFormat")
AUTHORISATIONS: Final = (None, "bearer", "basic", "api_key")
NOT_READ: Final = ("sessionParser", "tokenEstimation", "maxRetries")
RUNS_CODE: Final = ("exec", "python", "javascript", "ruby", "golang", "file")
PROVIDER_PARTS: Final = ("abilities", "limits", "complete", "embed", "close")
# Words before a colon that mean something else.
RESERVED: Final = frozenset({*RUNS_CODE, *ALIASES, "https", "ollama"})
# Promptfoo writes some parameters its own way, and max_output_tokens is that of OpenAI's responses.
RENAMED: Final = {"maxTokens": "max_tokens", "topP": "top_p", "max_output_tokens": "max_tokens"}
# Houses with a protocol of their own, and what may stand before their models' names.
HOUSES: Final[Mapping[str, tuple[str, ...]]] = {
    Kind.AZURE: ("chat", "embedding", "embeddings"),
    Kind.COHERE: ("chat",),
    Kind.GOOGLE: (),
    Kind.VERTEX: ("chat",),
}
OTHERS_OF_HOUSES: Final = (
    *("image", "live", "video", "embedding", "embeddings", "rerank", "tts", "interactions"),
)
HUGGING_FACE: Final = "huggingface"
API_VERSIONS: Final = ("apiVersion", "api_version")
KEY: Final = "apiKey"  # never a key itself: `{{env.NAME}}` names its variable
KEY_VARIABLES: Final = ("apiKeyEnvVar", "apiKeyEnvar")
ADDRESSES: Final = ("apiBaseUrl", "apiEndpoint", "baseUrl", "base_url")
HOST: Final = "apiHost"  # a host without a scheme, as promptfoo has it
# What has no answer of its own without a model, and how one is named.
EXAMPLES: Final = {
    "openai": "openai:gpt-4.1-mini",
    "anthropic": "anthropic:claude-sonnet-4-5",
    "openai-compatible": "openai-compatible:llama3.2",
    "ollama": "ollama:llama3.2",
    "replay": "replay:answers.jsonl",
}
# Settings of promptfoo's own client: no model knows them, so they are not sent.
CLIENT_SETTINGS: Final = frozenset(
    """
    apiKeyRequired organization project headers cost inputCost outputCost
    basePath maxRetries max_retries timeout timeoutMs retry omitDefaults functionToolCallbacks mcp
    showThinking extra_headers stream streaming verbose audioInputCost audioOutputCost
    """.split()  # noqa: SIM905 (a table of words)
)
NOT_PARAMETERS: Final = CLIENT_SETTINGS | {
    *(*ADDRESSES, *KEY_VARIABLES, *API_VERSIONS, KEY, HOST, "passthrough")
}
OBJECT_KEYS: Final = frozenset({"id", "label", "config", "prompts", "concurrency"})


def _read(plugin: Plugin) -> list[tuple[str, MakeProvider]]:
    """Return the provider of an entry point by its kind; its code is imported when it is made.

    Raises:
        PluginFaultError: its name is no kind.
    """
    if not KIND.fullmatch(plugin.name) or plugin.name in RESERVED:
        raise plugin.fault("plugin.provider-kind", name=plugin.name)
    return [(plugin.name, partial(_make_plugin, plugin))]


def _make_plugin(plugin: Plugin, spec: ProviderSpec, environment: Environment) -> Provider:
    """Return a provider of an installed package.

    An address that a spec names is held against the rules here, before code of others sees it. A
    name of a host can only be checked when it is resolved, as `http.Client` does.

    Raises:
        SetupError: the address is not asked, or the package makes no provider.
    """
    if spec.base_url:
        check_address(spec.base_url)
        make_policy(environment).check_host(urlsplit(spec.base_url).hostname or "")
    try:
        make: MakeProvider = plugin.load()
        provider = make(spec, environment)
    except PluginFaultError as error:
        raise SetupError(error.sentence) from error
    except EngineError:
        raise
    except Exception as error:
        # What such an error says may hold a key: it stands in the log, which hides keys.
        logger.exception("%s failed to make a provider", plugin.package)
        raise SetupError(
            "plugin.failed", package=plugin.package, kind=spec.kind, name=type(error).__name__
        ) from error
    missing = [name for name in PROVIDER_PARTS if not hasattr(provider, name)]
    if missing:
        raise SetupError(
            "plugin.no-method", package=plugin.package, kind=spec.kind, name=missing[0]
        )
    return provider


PROVIDERS: Final = Registry(GROUP, OURS, _read)


def parse_spec(value: object) -> ProviderSpec:
    """Return the spec that a text, or an object with `id` and `config`, means.

    Raises:
        SetupError: one sentence: what is wrong, and what there is.

    Examples:
        >>> spec = parse_spec("openai:gpt-4.1-mini")
        >>> spec.kind, spec.model
        ('openai', 'gpt-4.1-mini')
        >>> parse_spec({"id": "openai:gpt-4.1-mini", "config": {"temperature": 0}}).parameters
        {'temperature': 0}
    """
    if isinstance(value, str):
        return _parse_text(value)
    if not isinstance(value, Mapping):
        raise SetupError("provider.shape")
    provider = _with_id(value)
    if not isinstance(provider.get("id"), str):
        raise SetupError("provider.no-id")
    return _parse_object(provider)


def parse_configured(value: object) -> ProviderSpec:
    """Return the spec of a model that stands in a configuration.

    An id that means no provider of ours is no reason to refuse the file: the other models can be
    asked. It becomes a spec that says why it cannot (`problem`).

    Raises:
        SetupError: as `parse_spec`, but for that.
    """
    try:
        return parse_spec(value)
    except UnknownProviderError as error:
        return as_unavailable(value, str(error))


def as_unavailable(value: object, problem: str) -> ProviderSpec:
    """Return the spec of a model that nobody here can ask, with the reason.

    Raises:
        SetupError: a key stands in it, or a setting means nothing.
    """
    if isinstance(value, str):
        return ProviderSpec(kind=Kind.UNAVAILABLE, model=value, label=value, problem=problem)
    assert isinstance(value, Mapping)  # noqa: S101  # nosec B101 (`parse_spec` refuses all else)
    provider = _with_id(value)
    written = str(provider["id"])
    # Its other settings are looked at all the same: labels count, and a key is refused.
    read = _parse_object({**provider, "id": Kind.ECHO})
    return ProviderSpec(
        kind=Kind.UNAVAILABLE,
        model=written,
        label=read.label or written,
        prompts=read.prompts,
        problem=problem,
    )


def list_left_out(value: object) -> list[LeftOut]:
    """Return what of a provider is not carried out: the path to it, and one sentence.

    Args:
        value: what `parse_spec` takes.
    """
    if isinstance(value, str):
        return _explain_id(value)
    if not isinstance(value, Mapping):
        return []
    provider = _with_id(value)
    left_out = _explain_id(str(provider.get("id", "")))
    left_out += [((key,), _explain_key(key)) for key in provider if key not in OBJECT_KEYS]
    config = provider.get("config")
    names = list(config) if isinstance(config, Mapping) else []
    kind = str(provider.get("id", "")).partition(":")[0]
    ignored = NOT_READ if kind in (*DESCRIBED, "https") else CLIENT_SETTINGS
    for name in names:
        if name in ignored:
            sentence = _("“%(name)s” is not sent to the model") % {"name": name}
            left_out.append((("config", name), sentence))
    return left_out + _explain_parameters(provider, names)


def _explain_id(text: str) -> list[LeftOut]:
    if text.startswith("openai:responses:"):
        return [((), _("the Chat Completions API is used instead of the Responses API"))]
    return []


def _explain_key(key: str) -> str:
    if key == "transform":
        return _(
            "“transform” would run code, which AutoForge never does; the answer is scored unchanged"
        )
    return _("“%(key)s” of a provider is ignored") % {"key": key}


def _explain_parameters(provider: Mapping[str, object], names: Iterable[object]) -> list[LeftOut]:
    """Return which parameters the model does not take as they stand; see `families`."""
    try:
        spec = parse_spec(provider)
    except SetupError:
        return []  # refused elsewhere
    written = {RENAMED.get(str(name), str(name)): str(name) for name in names}
    left_out: list[LeftOut] = []
    for name, sentence in why_unsent(spec.kind, spec.model, spec.parameters).items():
        # One that came through `passthrough` has no place of its own in the config.
        path = ("config", written[name]) if name in written else ("config",)
        left_out.append((path, sentence))
    return left_out


def _with_id(provider: Mapping[str, object]) -> Mapping[str, object]:
    """Return {name: {…}} as {id: name, …}."""
    if len(provider) != 1 or "id" in provider:
        return provider
    [(name, settings)] = provider.items()
    if not isinstance(settings, Mapping):
        return {"id": name}
    return {"id": name, **settings}


def _parse_text(text: str) -> ProviderSpec:
    kind, _colon, model = text.strip().partition(":")
    kind = ALIASES.get(kind, kind)
    parse = _find_parser(kind)
    if parse is not None:
        return parse(kind, model)
    middles = MIDDLES.get(kind, ())
    middle, _colon, rest = model.partition(":")
    if middle in OTHER_SERVICES.get(kind, ()):
        raise UnknownProviderError("provider.not-chat", text=text, kind=kind)
    if middle in middles:
        model = rest
    if kind in EXAMPLES and (not model or model in middles):
        what = _("a file") if kind == Kind.REPLAY else _("a model")
        raise SetupError("provider.needs", kind=kind, what=what, examples=EXAMPLES[kind])
    if kind == "ollama":
        return ProviderSpec(
            kind=Kind.OPENAI_COMPATIBLE, model=model, base_url=OLLAMA, label=f"ollama:{model}"
        )
    if kind == "file" and text.endswith((".yaml", ".yml", ".json")):
        raise SetupError("provider.list", text=text)
    if kind in RUNS_CODE:
        raise UnknownProviderError("provider.code", text=text)
    _check_kind(kind)
    return ProviderSpec(kind=kind, model=model)


def _find_parser(kind: str) -> Callable[[str, str], ProviderSpec] | None:
    """Return what reads the rest of an id, None where it is read as those of old."""
    if kind == HUGGING_FACE:
        return _parse_hugging_face
    if kind in SERVICES:
        return _parse_service
    if kind in (*DESCRIBED, "https"):
        return _parse_endpoint
    if kind in HOUSES:
        return _parse_house
    return None


def _parse_house(kind: str, rest: str) -> ProviderSpec:
    """Return the spec of a model of a house with a protocol of its own: google:MODEL.

    Raises:
        SetupError: no model is named.
        UnknownProviderError: something else than a chat is meant.
    """
    middle, colon, model = rest.partition(":")
    if not colon:
        middle, model = "", rest
    if colon and middle not in HOUSES[kind]:
        if middle in OTHERS_OF_HOUSES or kind == Kind.AZURE:
            raise UnknownProviderError("provider.not-chat", text=f"{kind}:{rest}", kind=kind)
        model = rest
    if not model or (not colon and model in ("chat", "embedding", "embeddings")):
        raise SetupError("provider.needs", kind=kind, what=_("a model"), examples=f"{kind}:MODEL")
    return ProviderSpec(kind=kind, model=model)


def _parse_hugging_face(_kind: str, rest: str) -> ProviderSpec:
    task, _colon, model = rest.partition(":")
    if not model:
        example = "huggingface:chat:MODEL"
        raise SetupError("provider.needs", kind="huggingface", what=_("a model"), examples=example)
    kinds = {"chat": HUGGING_FACE, "text-generation": str(Kind.HUGGING_FACE_TEXT)}
    if task not in kinds:
        text = f"huggingface:{rest}"
        raise UnknownProviderError("provider.not-chat", text=text, kind="huggingface:chat")
    return ProviderSpec(kind=kinds[task], model=model, label=f"huggingface:{rest}")


def _parse_endpoint(kind: str, rest: str) -> ProviderSpec:
    """Return the spec of an address: https://…, webhook:https://…, or http with `config.url`.

    Raises:
        SetupError: the address holds a key.
    """
    url = rest if kind == Kind.WEBHOOK else f"{kind}:{rest}"
    own = Kind.WEBHOOK if kind == Kind.WEBHOOK else Kind.HTTP
    secret = find_secret(dict(parse_qsl(urlsplit(url).query)))
    if secret:
        raise SetupError("address.key", secret=secret)
    if not rest:
        return ProviderSpec(kind=own, model="" if own == Kind.WEBHOOK else kind, label=kind)
    return ProviderSpec(kind=own, model=url, label=url if own == Kind.HTTP else f"{own}:{url}")


def _parse_service(kind: str, model: str) -> ProviderSpec:
    """Return the spec of a service in the table.

    Raises:
        SetupError: no model is named.
        UnknownProviderError: another API than that of chats is meant, which is not asked here.
    """
    api, model = find_api(kind, model)
    if not model or model in APIS:
        example = f"{kind}:MODEL"
        raise SetupError("provider.needs", kind=kind, what=_("a model"), examples=example)
    middle = model.partition(":")[0]
    if api or middle in NOT_CHATS:
        raise UnknownProviderError("provider.not-chat", text=f"{kind}:{model}", kind=kind)
    return ProviderSpec(kind=kind, model=model)


def _check_kind(kind: str) -> None:
    """Refuse a kind of provider that nobody brings.

    Raises:
        SetupError: with the nearest, and what is left out of packages.
    """
    if kind in PROVIDERS:
        return
    near = difflib.get_close_matches(kind, PROVIDERS, n=1)
    if near:
        hint = _("did you mean “%(near)s”?") % {"near": near[0]}
    else:
        hint = _("docs/evaluations.md lists all")  # each case says it: forty names are too many
    raise UnknownProviderError("provider.unknown", kind=kind, hint=hint + PROVIDERS.hint)


def _parse_object(provider: Mapping[str, object]) -> ProviderSpec:
    spec = _parse_text(str(provider["id"]))
    config = provider.get("config") or {}
    if not isinstance(config, Mapping):
        raise SetupError("provider.config-object", spec=spec.name)
    secret = find_secret({name: value for name, value in provider.items() if name != "id"})
    if secret:
        path = secret.removeprefix("config.")
        raise SetupError("provider.secret", spec=spec.name, path=path)
    is_described = spec.kind in DESCRIBED
    if is_described:
        _check_described(config)
    return ProviderSpec(
        kind=spec.kind,
        model=spec.model,
        label=str(provider.get("label") or spec.label),
        parameters=dict(config) if is_described else _read_parameters(config),
        base_url="" if is_described else _read_address(config, spec.kind) or spec.base_url,
        prompts=_read_labels(provider.get("prompts"), spec),
        limits=_read_limits(provider.get("concurrency")),
        settings=dict(spec.settings) | _read_settings(config),
    )


def _check_described(config: Mapping[str, object]) -> None:
    """Refuse a description that is not carried out as it stands.

    Raises:
        UnknownProviderError: names the setting.
    """
    for name in NOT_CARRIED_OUT:
        if config.get(name):
            raise UnknownProviderError("endpoint.unsupported", name=name)
    auth = config.get("auth")
    kind = auth.get("type") if isinstance(auth, Mapping) else None
    if kind not in AUTHORISATIONS:
        raise UnknownProviderError("endpoint.unsupported", name=f"auth.type {kind}")


def _read_labels(prompts: object, spec: ProviderSpec) -> tuple[str, ...]:
    """Return the labels of the prompts that go to a provider, none for all of them."""
    if not prompts:
        return ()
    if isinstance(prompts, str):
        prompts = [prompts]
    if not isinstance(prompts, list | tuple):
        raise SetupError("provider.prompts", spec=spec.name)
    return tuple(map(str, prompts))


def _read_parameters(config: Mapping[str, object]) -> dict[str, object]:
    """Return what of a config goes to the model."""
    settings = dict(config)
    passthrough = config.get("passthrough")
    if isinstance(passthrough, dict):
        settings |= passthrough  # in promptfoo it wins over what it passes through
    parameters = {}
    for name, value in settings.items():
        if name not in NOT_PARAMETERS:
            parameters[RENAMED.get(str(name), str(name))] = value
    return parameters


def _read_settings(config: Mapping[str, object]) -> dict[str, object]:
    """Return what of a config is for the client alone, by our names."""
    settings: dict[str, object] = {}
    for name in KEY_VARIABLES:
        if config.get(name):
            settings[KEY_VARIABLE] = str(config[name])
    for name in API_VERSIONS:
        if config.get(name):
            settings["api_version"] = str(config[name])
    variable = find_variable(config.get(KEY))
    if variable:
        settings[KEY_VARIABLE] = variable
    return settings


def _read_address(config: Mapping[str, object], kind: str) -> str:
    """Return the address that a config names, "" where it names none."""
    for name in ADDRESSES:
        if config.get(name):
            return str(config[name])
    host = str(config.get(HOST) or "")
    if not host or "://" in host:
        return host
    return f"https://{host}" if kind in HOUSES else f"https://{host}/v1"


def _read_limits(concurrency: object) -> Limits | None:
    if concurrency is None:
        return None
    if isinstance(concurrency, bool) or not isinstance(concurrency, int):
        raise SetupError("provider.concurrency", limit=MOST_AT_A_TIME)
    if not 1 <= concurrency <= MOST_AT_A_TIME:
        raise SetupError("provider.concurrency", limit=MOST_AT_A_TIME)
    return Limits(concurrency=concurrency)


def make(spec: ProviderSpec, environment: Environment, files: RunFiles = NO_FILES) -> Provider:
    """Return a provider, ready to be asked.

    Args:
        spec: what to ask.
        environment: keys and addresses.
        files: what recorded answers may be read from; for commands alone.

    Raises:
        SetupError: a key, an address or a file is missing; says which.

    Examples:
        >>> async def ask() -> str:
        ...     provider = make(parse_spec("echo"), {})
        ...     messages = (Message(role="user", content="Hi"),)
        ...     answer = await provider.complete(Request(model="", messages=messages))
        ...     await provider.close()
        ...     return answer.text
        >>> asyncio.run(ask())
        'Hi'
    """
    if spec.problem:
        return UnavailableProvider(spec)
    if spec.kind == Kind.REPLAY:
        return make_replay(spec, files)
    _check_kind(spec.kind)
    return PROVIDERS[spec.kind](spec, environment)
