"""What promptfoo 0.123 sends to OpenAI's and Anthropic's models of what a configuration sets.

Read in its sources (`src/providers/openai/chat.ts`, `src/providers/anthropic/messages.ts`) and seen
in its requests, with which `make differential` compares ours: what it adds where nothing is set
(temperature 0, 1,024 tokens), and what it leaves out. Without that an answer is another one, and
so is the verdict.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TypeGuard

from core.language import gettext as _
from evaluations.engine.providers import Kind, ProviderSpec
from evaluations.engine.providers.services import SERVICES

__all__ = ["SENT", "as_sent", "with_prompt_config"]

MAX_TOKENS: Final = 1024
# Names as promptfoo tells models apart; a house may stand before a slash, and "ft:" before it.
REASONING: Final = re.compile(r"(?:.*/)?(?:o[134]|gpt-5|gpt-6-astra)")
TUNED: Final = re.compile(r"(^|/)ft:")
NO_SAMPLING: Final = re.compile(
    r"claude-(?:opus-4-(?:[7-9]|\d\d)(?!\d)|[a-z]+-(?:[5-9]|[1-9]\d)(?!\d)|mythos)"
)
THINKING: Final = re.compile(r"claude-(?:opus-5|sonnet-5|fable-5|mythos)(?!\d)")
THINKS: Final = ("enabled", "adaptive")
OPENAI_VARIABLES: Final[Mapping[str, str]] = {
    "top_p": "OPENAI_TOP_P",
    "presence_penalty": "OPENAI_PRESENCE_PENALTY",
    "frequency_penalty": "OPENAI_FREQUENCY_PENALTY",
}
"""Parameters that are sent only where the environment or the configuration sets them."""
OPENAI_SENT: Final = frozenset(
    """
    seed temperature top_p presence_penalty frequency_penalty functions function_call tools
    tool_choice tool_resources response_format stop prompt_cache_key prompt_cache_options
    prompt_cache_retention service_tier user metadata store max_tokens logprobs top_logprobs
    """.split()  # noqa: SIM905 (a table of words)
)
REASONING_SENT: Final = OPENAI_SENT - {"max_tokens", "temperature"} | {
    *("max_completion_tokens", "reasoning_effort", "reasoning", "verbosity")
}
ANTHROPIC_SENT: Final = frozenset(
    """
    max_tokens temperature top_p top_k cache_control service_tier stop_sequences metadata tools
    tool_choice thinking output_config
    """.split()  # noqa: SIM905 (a table of words)
)
SENT: Final = OPENAI_SENT | REASONING_SENT | ANTHROPIC_SENT
"""Settings that one of the models is sent."""
ALIASES: Final = {"maxTokens": "max_tokens", "topP": "top_p"}
# Services whose clients promptfoo did not make of that for OpenAI, seen in its requests.
OWN_DEFAULTS: Final[Mapping[str, Mapping[str, object]]] = {
    "ai21": {},
    "litellm": {},
    "localai": {"temperature": 0.7},
    "mistral": {"top_p": 1, "max_tokens": MAX_TOKENS, "random_seed": None},
    "novita": {"max_tokens": MAX_TOKENS, "temperature": 1},
    "voyage": {},
}
CHOICES: Final = {"auto": {"type": "auto"}, "none": {"type": "none"}, "required": {"type": "any"}}


def as_sent(
    spec: ProviderSpec, config: Mapping[str, object], variables: Mapping[str, str]
) -> tuple[ProviderSpec, dict[str, str]]:
    """Return a spec with the parameters that promptfoo sends, and a sentence about each other one.

    Those that promptfoo adds are named in `defaults`. Of other services than OpenAI's and
    Anthropic's only those are known here: everything that is set is sent.

    Args:
        spec: a model of a configuration.
        config: its settings as they are written.
        variables: of the environment, such as OPENAI_TEMPERATURE.

    Examples:
        >>> from evaluations.engine.providers import parse_spec
        >>> spec, unsent = as_sent(parse_spec("openai:gpt-4.1-mini"), {"model": "x"}, {})
        >>> spec.parameters
        {'max_tokens': 1024, 'temperature': 0}
    """
    if spec.kind not in (Kind.OPENAI, Kind.ANTHROPIC) or spec.problem:
        defaults = _for_service(spec, config, variables)
        added = {name: value for name, value in defaults.items() if name not in spec.parameters}
        if not added:
            return spec, {}
        return replace(spec, parameters={**spec.parameters, **added}, defaults=tuple(added)), {}
    parameters = dict(spec.parameters)
    passed = config.get("passthrough")
    passed = passed if isinstance(passed, Mapping) else {}
    if spec.kind == Kind.OPENAI:
        sent = _list_sent_to_openai(spec.model)
        defaults = _for_openai(spec, config, variables)
    else:
        parameters, passed = _for_anthropics_api(parameters), {}
        sent = ANTHROPIC_SENT
        defaults = _for_anthropic(spec, variables)
    extra = parameters.pop("extra_body", None)
    unsent = {}
    for alias, name in ALIASES.items():
        # Names that are read elsewhere, and that promptfoo does not know.
        if alias in config and name not in config and name not in passed:
            parameters.pop(name, None)
            unsent[alias] = _explain(alias)
    for name in [name for name in parameters if name not in sent and name not in passed]:
        del parameters[name]
        unsent[name] = _explain(name)
    if isinstance(extra, Mapping):
        parameters |= extra
    added = {name: value for name, value in defaults.items() if name not in parameters}
    parameters |= added
    return replace(spec, parameters=parameters, defaults=tuple(added)), unsent


def with_prompt_config(
    spec: ProviderSpec, config: Mapping[str, object], variables: Mapping[str, str]
) -> ProviderSpec:
    """Return a model as one of a configuration's prompts asks it: what the prompt sets counts more.

    Args:
        spec: a model, as it is sent for other prompts.
        config: the prompt's settings.
        variables: of the environment, such as OPENAI_TEMPERATURE.
    """
    is_sent = spec.kind in (Kind.OPENAI, Kind.ANTHROPIC, Kind.AZURE) or spec.kind in SERVICES
    if not config or not is_sent:
        return spec
    written = {name: value for name, value in spec.parameters.items() if name not in spec.defaults}
    merged = {**written, **config}
    sent, _unsent = as_sent(replace(spec, parameters=merged, defaults=()), merged, variables)
    # A profile is sent as it is set: what was not added to it is not added here.
    kept = tuple(name for name in sent.defaults if name in spec.defaults)
    parameters = {
        name: value
        for name, value in sent.parameters.items()
        if name in kept or name not in sent.defaults
    }
    return replace(sent, parameters=parameters, defaults=kept)


def _for_service(
    spec: ProviderSpec, config: Mapping[str, object], variables: Mapping[str, str]
) -> dict[str, object]:
    """Return what promptfoo adds for a service that speaks OpenAI's protocol."""
    if spec.problem or (spec.kind not in SERVICES and spec.kind != Kind.AZURE):
        return {}
    if spec.kind in OWN_DEFAULTS:
        return dict(OWN_DEFAULTS[spec.kind])
    defaults = _for_openai(spec, config, variables)
    if spec.kind == Kind.AZURE and not config.get("omitDefaults"):
        defaults = {"top_p": 1, "presence_penalty": 0, "frequency_penalty": 0} | defaults
    return defaults


def _explain(name: str) -> str:
    sentence = _("“%(name)s” is not sent to this model, as in promptfoo; see passthrough")
    return sentence % {"name": name}


def _list_sent_to_openai(model: str) -> frozenset[str]:
    sent = REASONING_SENT if _reasons(model) else OPENAI_SENT
    if "gpt-oss" in model:
        sent |= {"reasoning_effort"}
    if "audio" in model:
        sent |= {"modalities", "audio"}
    return sent


def _reasons(model: str) -> bool:
    return REASONING.match(TUNED.sub(r"\1", model)) is not None


def _for_openai(
    spec: ProviderSpec, config: Mapping[str, object], variables: Mapping[str, str]
) -> dict[str, object]:
    defaults: dict[str, object] = {}
    for name, variable in OPENAI_VARIABLES.items():
        if variables.get(variable):
            defaults[name] = _number(variables, variable, 0)
    if _reasons(spec.model):
        if variables.get("OPENAI_MAX_COMPLETION_TOKENS"):
            limit = _number(variables, "OPENAI_MAX_COMPLETION_TOKENS", MAX_TOKENS)
            defaults["max_completion_tokens"] = int(limit)
        return defaults
    omitted = bool(config.get("omitDefaults"))
    if not omitted or variables.get("OPENAI_MAX_TOKENS"):
        defaults["max_tokens"] = int(_number(variables, "OPENAI_MAX_TOKENS", MAX_TOKENS))
    if not omitted or variables.get("OPENAI_TEMPERATURE"):
        defaults["temperature"] = _number(variables, "OPENAI_TEMPERATURE", 0)
    return defaults


def _for_anthropics_api(parameters: dict[str, object]) -> dict[str, Any]:
    """Return settings as the API of messages has them; tools may be in OpenAI's form."""
    changed = dict(parameters)
    asked: dict[str, object] = {}
    for name, own in (("output_format", "format"), ("effort", "effort")):
        if changed.get(name):
            asked[own] = changed[name]
        changed.pop(name, None)
    if asked:
        changed["output_config"] = asked
    tools = changed.get("tools")
    if isinstance(tools, list) and tools and _is_openais_tool(tools[0]):
        changed["tools"] = list(map(_tool_for_anthropic, tools))
    if "tool_choice" in changed:
        changed["tool_choice"] = _choice_for_anthropic(changed["tool_choice"])
    if "top_p" in changed:
        changed.pop("temperature", None)  # this API takes one of both, and promptfoo this one
    return changed


def _choice_for_anthropic(choice: object) -> object:
    if isinstance(choice, str):
        return CHOICES.get(choice, choice)
    if not _is_openais_tool(choice):
        return choice
    return {"type": "tool", "name": choice["function"].get("name")}


def _is_openais_tool(tool: object) -> TypeGuard[Mapping[str, Any]]:
    if not isinstance(tool, Mapping) or tool.get("type") != "function":
        return False
    return isinstance(tool.get("function"), Mapping)


def _tool_for_anthropic(tool: Mapping[str, Any]) -> dict[str, object]:
    function = tool["function"]
    changed = {"name": function.get("name")}
    if function.get("description"):
        changed["description"] = function["description"]
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    return changed | {"input_schema": schema}


def _for_anthropic(spec: ProviderSpec, variables: Mapping[str, str]) -> dict[str, object]:
    thinking = spec.parameters.get("thinking")
    settings = thinking if isinstance(thinking, Mapping) else {}
    kind = settings.get("type")
    thinks = kind in THINKS or (kind is None and THINKING.match(spec.model) is not None)
    # Thoughts count towards the limit.
    usual = 2 * MAX_TOKENS if thinks else MAX_TOKENS
    limit = int(_number(variables, "ANTHROPIC_MAX_TOKENS", usual))
    budget = settings.get("budget_tokens")
    if kind == "enabled" and isinstance(budget, int) and limit <= budget:
        limit = budget + MAX_TOKENS
    defaults: dict[str, object] = {"max_tokens": limit}
    samples = kind not in THINKS and "top_p" not in spec.parameters
    if samples and not NO_SAMPLING.match(spec.model):
        defaults["temperature"] = _number(variables, "ANTHROPIC_TEMPERATURE", 0)
    return defaults


def _number(variables: Mapping[str, str], name: str, usual: float) -> float:
    """Return a variable as a number; what is none counts as not set."""
    try:
        number = float(variables.get(name) or usual)
    except ValueError:
        return usual
    return int(number) if number.is_integer() else number
