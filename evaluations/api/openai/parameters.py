"""Parameters of a call: the request's over the configuration's over the profile's.

They are written as OpenAI's; for Anthropic they are translated, and what it has no word for is
refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.sentences import Sentence
from evaluations.api.openai.bodies import PARAMETERS, FieldError
from evaluations.engine.providers import ProviderSpec
from evaluations.engine.providers.base import Kind
from evaluations.engine.providers.families import RENAMED, fit_parameters, why_unsent

__all__ = ["Parameters", "merge_parameters"]

# Names that mean the same: one of them replaces all of them.
SYNONYMS: Final = (
    frozenset({"max_tokens", "max_completion_tokens", "max_output_tokens"}),
    frozenset({"stop", "stop_sequences"}),
    frozenset({"response_format", "response_schema"}),
)
OF_CONFIG: Final = (
    *PARAMETERS,
    *("max_output_tokens", "response_schema", "stop_sequences", "thinking", "top_k"),
)
"""What of a configuration goes to the model: the rest is for the programs that read it."""
SAME_FOR_ANTHROPIC: Final = frozenset(
    {"max_tokens", "stop_sequences", "temperature", "thinking", "top_k", "top_p"}
)
CHOICES_FOR_ANTHROPIC: Final = {"auto": "auto", "none": "none", "required": "any"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameters:
    """What is sent with the messages."""

    values: Mapping[str, Any]
    """As the provider's API calls them."""
    response_schema: Mapping[str, Any] | None = None
    """A JSON Schema for the answer, where it is no parameter."""


def merge_parameters(
    spec: ProviderSpec, config: Mapping[str, Any], own: Mapping[str, Any]
) -> Parameters:
    """Return the parameters of a call.

    Args:
        spec: the model, with its profile's parameters.
        config: of the prompt's version.
        own: of the request.

    Raises:
        FieldError: the model does not take one of them.
    """
    of_config = {}
    for name in OF_CONFIG:
        if config.get(name) is not None:
            of_config[name] = config[name]
    if config.get("n") not in (None, 1):
        raise FieldError("n", Sentence("gateway.one-answer"))
    values = _overlay(_overlay(spec.parameters, of_config), own)
    if spec.kind == Kind.ANTHROPIC:
        translated = _for_anthropic(values)
    else:
        translated = _for_openai(values)
    _refuse_unsent(spec, translated.values, own)
    return translated


def _overlay(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(lower)
    for name in upper:
        for names in SYNONYMS:
            if name in names:
                for synonym in names:
                    values.pop(synonym, None)
    return values | dict(upper)


def _refuse_unsent(spec: ProviderSpec, values: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Refuse what the request asks for and the model would not be sent; see `families`."""
    sent = fit_parameters(spec.kind, spec.model, values)
    for name, sentence in why_unsent(spec.kind, spec.model, values).items():
        is_sent = name in sent or name in RENAMED
        if name in own and not is_sent:
            raise FieldError(name, Sentence.verbatim(sentence))


def _for_openai(values: dict[str, Any]) -> Parameters:
    if "max_output_tokens" in values:
        values["max_tokens"] = values.pop("max_output_tokens")
    if "stop_sequences" in values:
        values["stop"] = values.pop("stop_sequences")
    schema = values.pop("response_schema", None)
    return Parameters(values=values, response_schema=schema)


def _for_anthropic(values: dict[str, Any]) -> Parameters:
    """Translate: https://platform.claude.com/docs/en/api/openai-sdk says what there is."""
    schema = values.pop("response_schema", None)
    translated = _choice_for_anthropic(values)
    if "response_format" in values:
        schema = _schema_of(values.pop("response_format"))
    for name, value in values.items():
        if name not in ("tool_choice", "parallel_tool_calls"):
            own_name, own_value = _parameter_for_anthropic(name, value)
            translated[own_name] = own_value
    if schema is not None and "tools" in translated:
        raise FieldError("response_format", Sentence("gateway.schema-and-tools"))
    return Parameters(values=translated, response_schema=schema)


def _parameter_for_anthropic(name: str, value: Any) -> tuple[str, Any]:
    if name in SAME_FOR_ANTHROPIC:
        return name, value
    if name in ("max_completion_tokens", "max_output_tokens"):
        return "max_tokens", value
    if name == "stop":
        return "stop_sequences", [value] if isinstance(value, str) else value
    if name == "tools":
        return name, list(map(_tool_for_anthropic, value))
    if name in PARAMETERS:
        raise FieldError(name, Sentence("gateway.not-for-anthropic", name=name))
    return name, value  # of a profile: in Anthropic's own words


def _tool_for_anthropic(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, Mapping):
        return tool  # in Anthropic's own form, as a configuration may have it
    translated = {"name": function["name"]}
    if function.get("description"):
        translated["description"] = function["description"]
    empty = {"type": "object", "properties": {}}
    translated["input_schema"] = function.get("parameters") or empty
    return translated


def _choice_for_anthropic(values: Mapping[str, Any]) -> dict[str, Any]:
    choice = values.get("tool_choice")
    translated: dict[str, Any] = {}
    if isinstance(choice, str):
        if choice not in CHOICES_FOR_ANTHROPIC:
            raise FieldError("tool_choice", Sentence("gateway.tool-choice"))
        translated = {"type": CHOICES_FOR_ANTHROPIC[choice]}
    elif isinstance(choice, Mapping) and choice.get("type") == "function":
        function = choice.get("function")
        if not isinstance(function, Mapping):
            raise FieldError("tool_choice", Sentence("gateway.tool-choice"))
        translated = {"type": "tool", "name": function.get("name")}
    elif choice is not None:
        translated = dict(choice)  # in Anthropic's own form
    if values.get("parallel_tool_calls") is False and "tools" in values:
        translated = {"type": "auto"} | translated
        translated["disable_parallel_tool_use"] = True
    return {"tool_choice": translated} if translated else {}


def _schema_of(response_format: Mapping[str, Any]) -> Mapping[str, Any] | None:
    kind = response_format["type"]
    if kind == "text":
        return None
    if kind == "json_object":
        raise FieldError("response_format", Sentence("gateway.json-for-anthropic"))
    holder = response_format.get("json_schema", response_format)
    schema: Mapping[str, Any] = holder["schema"]
    return schema
