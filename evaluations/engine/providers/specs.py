"""How people name models: texts such as openai:gpt-4.1-mini, and promptfoo's objects."""

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from evaluations.engine.errors import SetupError
from evaluations.engine.providers.contract import (
    Environment,
    Limits,
    MakeProvider,
    Provider,
    ProviderSpec,
)

__all__ = ["PROVIDERS", "make", "parse_spec"]


def _lazy(module: str, name: str) -> MakeProvider:
    # An HTTP client is 10 MB and 0.1 s: only those who use it pay for it.
    def make_provider(spec: ProviderSpec, environment: Environment) -> Provider:
        found: MakeProvider = getattr(import_module(f"{PACKAGE}.{module}"), name)
        return found(spec, environment)

    return make_provider


PACKAGE: Final = "evaluations.engine.providers"
PROVIDERS: Final[Mapping[str, MakeProvider]] = {
    "openai": _lazy("openai", "make_openai"),
    "anthropic": _lazy("anthropic", "make_anthropic"),
    "openai-compatible": _lazy("openai", "make_compatible"),
    "local": _lazy("local", "make_local"),
    "local-embeddings": _lazy("local_embeddings", "make_local_embeddings"),
    "replay": _lazy("offline", "make_replay"),
    "echo": _lazy("offline", "make_echo"),
}
MIDDLES: Final = {"openai": ("chat",), "anthropic": ("messages",)}
OLLAMA: Final = "http://127.0.0.1:11434/v1"
RUNS_CODE: Final = ("exec", "python", "javascript", "ruby", "golang", "file", "webhook")
SECRETS: Final = ("apiKey", "api_key", "apikey", "key", "token", "secret", "password")
RENAMED: Final = {"maxTokens": "max_tokens", "topP": "top_p", "max_output_tokens": "max_tokens"}
ADDRESSES: Final = ("apiBaseUrl", "baseUrl", "base_url", "apiHost")


def parse_spec(given: object) -> ProviderSpec:
    """Return the spec that a text, or an object with `id` and `config`, means.

    Raises:
        SetupError: one sentence: what is wrong, and what there is.
    """
    if isinstance(given, str):
        return _parse_text(given)
    if not isinstance(given, Mapping):
        raise SetupError("a provider is a text such as openai:gpt-4.1-mini, or an object with id")
    if len(given) == 1 and "id" not in given:
        (name, inner), *_ = given.items()
        given = {"id": name, **(inner if isinstance(inner, Mapping) else {})}
    if not isinstance(given.get("id"), str):
        raise SetupError("a provider's object needs the text id, such as openai:gpt-4.1-mini")
    return _parse_object(given)


def _parse_text(text: str) -> ProviderSpec:
    kind, _, model = text.strip().partition(":")
    if kind == "ollama":
        model = model.removeprefix("chat:").removeprefix("completion:")
        return ProviderSpec(
            kind="openai-compatible", model=model, base_url=OLLAMA, label=f"ollama:{model}"
        )
    if kind in RUNS_CODE:
        raise SetupError(f"“{text}” would run code, which is never done here")
    if kind not in PROVIDERS:
        near = difflib.get_close_matches(kind, PROVIDERS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(PROVIDERS)}"
        raise SetupError(f"there is no provider “{kind}”; {hint}")
    for middle in MIDDLES.get(kind, ()):
        model = model.removeprefix(f"{middle}:")
    return ProviderSpec(kind=kind, model=model)


def _parse_object(given: Mapping[str, Any]) -> ProviderSpec:
    spec = _parse_text(str(given["id"]))
    config = given.get("config") or {}
    if not isinstance(config, Mapping):
        raise SetupError(f"the config of {spec.name} is an object")
    secret = next((name for name in config if name in SECRETS), None)
    if secret is not None:
        raise SetupError(f"{spec.name}: {secret} is not read from files; set it in the environment")
    base = next((str(config[name]) for name in ADDRESSES if config.get(name)), spec.base_url)
    parameters = {
        RENAMED.get(str(name), str(name)): value
        for name, value in config.items()
        if name not in ADDRESSES
    }
    prompts = given.get("prompts") or ()
    return ProviderSpec(
        kind=spec.kind,
        model=spec.model,
        label=str(given.get("label") or spec.label),
        parameters=parameters,
        base_url=base,
        prompts=tuple(map(str, [prompts] if isinstance(prompts, str) else prompts)),
        limits=_limits(given),
    )


def _limits(given: Mapping[str, Any]) -> Limits | None:
    concurrency = given.get("concurrency")
    if concurrency is None:
        return None
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise SetupError("concurrency is a whole number from 1 up")
    return Limits(concurrency=concurrency)


def make(spec: ProviderSpec, environment: Environment) -> Provider:
    """Return a provider, ready to be asked.

    Raises:
        SetupError: a key, an address or a file is missing; says which.
    """
    return PROVIDERS[spec.kind](spec, environment)
