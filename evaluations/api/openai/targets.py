"""Whom a request asks: a prompt with the model of its configuration, or a model profile.

What stands in the version's configuration decides, the first of these that there is:

    {"profile": "NAME"}                          a model profile
    {"provider": "openai", "model": "gpt-5-mini"}
    {"model": "openai:gpt-5-mini"}               or the name of a model profile
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from core.api.problems import RequestError
from core.errors import NotFoundError
from core.sentences import Sentence
from evaluations.adapters import find_spec, message_from_prompt, spec_from_profile
from evaluations.api.openai.bodies import ChatBody, FieldError
from evaluations.engine.providers import ProviderSpec, parse_spec
from evaluations.engine.types import Message
from evaluations.models import ModelProfile
from prompts import interface as prompts

__all__ = ["PROFILE", "PROMPT", "Target", "find_prompt_of", "find_target"]

PROMPT: Final = "prompt:"
PROFILE: Final = "profile:"
OF_PROMPT_ID: Final = "prompt"  # what `model` says where prompt_id names the prompt
MOST_DIGITS: Final = 9
PRODUCTION: Final = "production"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What is asked, and with which messages before those of the request."""

    name: str
    """What was asked for, written out: prompt:NAME@LABEL, prompt:NAME:N or profile:NAME."""
    spec: ProviderSpec
    """The model."""
    messages: tuple[Message, ...] = ()
    """The rendered prompt."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """The configuration of the version."""
    prompt: prompts.PromptText | None = None
    """The version; None: a model profile is asked directly."""


def find_target(body: ChatBody) -> Target:
    """Return what a request asks.

    Raises:
        FieldError: what names the prompt does not go together.
        NotFoundError: there is no such prompt, label, version or model profile.
        RequestError: the version names no model.
        SetupError: the version names a model that nobody brings.
        TemplateError: the variables do not fit the version's contract.
    """
    if body.prompt_id is None:
        return _find_by_model(body)
    if body.prompt_label is not None and body.prompt_version is not None:
        raise FieldError("prompt_label", Sentence("api.label-and-version"))
    label = body.prompt_label or PRODUCTION
    version = body.prompt_version
    prompt = prompts.get_prompt(body.prompt_id, label=label, version=version)
    name = _write_name(prompt, label, version)
    if body.model == OF_PROMPT_ID:
        return _render(name, prompt, _spec_of(prompt), body)
    if not body.model.startswith(PROFILE):
        raise FieldError("model", Sentence("gateway.model-and-prompt"))
    return _render(name, prompt, _find_profile(body.model.removeprefix(PROFILE)), body)


def find_prompt_of(model: str) -> tuple[str, prompts.PromptText]:
    """Return a model's name written out, and the version that it means.

    Raises:
        NotFoundError: there is none.
    """
    reference = model.removeprefix(PROMPT)
    name, _, label = reference.rpartition("@")
    if name:
        prompt = prompts.get_prompt(name, label=label)
        return _write_name(prompt, label, None), prompt
    name, _, number = reference.rpartition(":")
    if name and number.isascii() and number.isdigit() and len(number) <= MOST_DIGITS:
        prompt = prompts.get_prompt(name, version=int(number))
        return _write_name(prompt, "", prompt.number), prompt
    prompt = prompts.get_prompt(reference)
    return _write_name(prompt, PRODUCTION, None), prompt


def _find_by_model(body: ChatBody) -> Target:
    for name in ("prompt_label", "prompt_version"):
        if getattr(body, name) is not None:
            raise FieldError(name, Sentence("gateway.without-prompt-id", name=name))
    if body.model.startswith(PROMPT):
        name, prompt = find_prompt_of(body.model)
        return _render(name, prompt, _spec_of(prompt), body)
    if not body.model.startswith(PROFILE):
        raise NotFoundError("gateway.unknown-model", model=body.model)
    if body.prompt_variables:
        raise FieldError("prompt_variables", Sentence("gateway.variables-of-profile"))
    return Target(name=body.model, spec=_find_profile(body.model.removeprefix(PROFILE)))


def _write_name(prompt: prompts.PromptText, label: str, version: int | None) -> str:
    if version is not None:
        return f"{PROMPT}{prompt.name}:{version}"
    return f"{PROMPT}{prompt.name}@{label}"


def _render(name: str, prompt: prompts.PromptText, spec: ProviderSpec, body: ChatBody) -> Target:
    rendered = prompt.render(body.prompt_variables or {})
    if isinstance(rendered, str):
        messages: tuple[Message, ...] = (Message(role="user", content=rendered),)
    else:
        messages = tuple(map(message_from_prompt, rendered))
    return Target(name=name, spec=spec, messages=messages, config=prompt.config, prompt=prompt)


def _find_profile(name: str) -> ProviderSpec:
    profile = ModelProfile.objects.filter(name=name).first()
    if profile is None:
        raise NotFoundError("gateway.no-profile", name=name)
    return spec_from_profile(profile)


def _spec_of(prompt: prompts.PromptText) -> ProviderSpec:
    """Return the model that a version's configuration names."""
    profile = prompt.config.get("profile")
    if isinstance(profile, str) and profile:
        return _find_profile(profile)
    provider, model = prompt.config.get("provider"), prompt.config.get("model")
    if not isinstance(model, str) or not model:
        raise RequestError("gateway.no-model", name=prompt.name, number=prompt.number)
    if isinstance(provider, str) and provider:
        return parse_spec(f"{provider}:{model}")
    if ":" not in model and not ModelProfile.objects.filter(name=model).exists():
        raise RequestError(
            "gateway.no-provider", name=prompt.name, number=prompt.number, model=model
        )
    return find_spec(model)
