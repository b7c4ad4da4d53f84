"""A version's configuration: which model it is for, with which parameters, tools and schema.

Any JSON object is one, because services differ in what they take and know more every month. What
is written under a name that several of them share is held to what all of them mean by it, so that
a typing error shows when it is saved and not when a request is refused:

    model               the model's name
    temperature         0 to 2; top_p 0 to 1; presence_penalty and frequency_penalty -2 to 2
    max_tokens          from 1; max_completion_tokens and max_output_tokens likewise
    seed, n, top_k      integers
    stop                a string or a list of strings; stop_sequences likewise
    tools, tool_choice  functions in the form of OpenAI, or of Anthropic (`input_schema`)
    response_format     text, json_object, or json_schema with its schema
    response_schema     a JSON Schema
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from core.json import dump

__all__ = ["validate_config"]

NAME_MAX_LENGTH: Final = 255
TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # what OpenAI and Anthropic both take
RESPONSE_FORMATS: Final = ("text", "json_object", "json_schema")
LONGEST: Final = 131_072  # characters as JSON; to check a schema of so many takes about a second
MOST_FAULTS: Final = 10  # the rest shows when these are mended

Check = Callable[[object, str], Iterator[ValidationError]]
"""Yields what is wrong with a value; the text is where it stands, such as tools[0].type."""


def validate_config(value: object) -> None:
    """Refuse anything but a JSON object whose known names hold what they mean.

    Raises:
        ValidationError: code "type" if it is no object, "size" if it is too long, else one of code
            "config" for each fault.

    Examples:
        >>> validate_config({"model": "gpt-5-mini", "temperature": 0.2})
        >>> validate_config({"temperature": 3})
        Traceback (most recent call last):
        ...
        django.core.exceptions.ValidationError: ['temperature must be a number from 0 to 2']
    """
    if not isinstance(value, dict):
        raise ValidationError(_('must be a JSON object, such as {"model": "…"}'), code="type")
    size = len(dump(value))
    if size > LONGEST:
        raise ValidationError(
            _("has %(size)d characters; the limit is %(limit)d"),
            code="size",
            params={"size": size, "limit": LONGEST},
        )
    faults: list[ValidationError] = []
    for name, member in value.items():
        check = CHECKS.get(name)
        # Null is how forms and SDKs say that a parameter is not set.
        if check is not None and member is not None:
            faults += check(member, name)
    if faults:
        raise ValidationError(faults[:MOST_FAULTS])


def _fault(place: str, expected: object) -> ValidationError:
    return ValidationError(
        _("%(place)s must be %(expected)s"),
        code="config",
        params={"place": place, "expected": expected},
    )


def _text(value: object, place: str) -> Iterator[ValidationError]:
    if not isinstance(value, str) or not value.strip() or len(value) > NAME_MAX_LENGTH:
        expected = _("a string of 1 to %(limit)d characters") % {"limit": NAME_MAX_LENGTH}
        yield _fault(place, expected)


def _is_number(value: object) -> bool:
    # To Python true is a number; to JSON it is none.
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(least: float, most: float) -> Check:
    def check(value: object, place: str) -> Iterator[ValidationError]:
        if not _is_number(value) or not least <= value <= most:  # type: ignore[operator]  # a number
            params = {"least": least, "most": most}
            yield _fault(place, _("a number from %(least)g to %(most)g") % params)

    return check


def _integer(least: int | None = None) -> Check:
    def check(value: object, place: str) -> Iterator[ValidationError]:
        if isinstance(value, bool) or not isinstance(value, int):
            yield _fault(place, _("an integer"))
        elif least is not None and value < least:
            yield _fault(place, _("an integer of at least %(least)d") % {"least": least})

    return check


def _stop(value: object, place: str) -> Iterator[ValidationError]:
    texts = value if isinstance(value, list) else [value]
    for text in texts:
        if not isinstance(text, str) or not text:
            yield _fault(place, _("a string or a list of strings, none of them empty"))
            return


def _schema(value: object, place: str) -> Iterator[ValidationError]:
    """Check a JSON Schema itself; nothing that it refers to is fetched."""
    if not isinstance(value, dict | bool):
        yield _fault(place, _("a JSON Schema (an object)"))
        return
    # Late: jsonschema is a tenth of what a command would import that saves no schema.
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for

    try:
        validator_for(value, default=Draft202012Validator).check_schema(value)
    except SchemaError as error:
        where = "".join(f"[{part!r}]" for part in error.absolute_path)
        yield ValidationError(
            _("%(place)s is not a valid JSON Schema: %(reason)s"),
            code="config",
            params={"place": f"{place}{where}", "reason": str(error.message)[:200]},
        )
    except RecursionError:
        yield ValidationError(
            _("%(place)s is nested too deeply"), code="config", params={"place": place}
        )
    except (TypeError, ValueError, LookupError, AttributeError):
        # The validator itself trips over a few shapes, such as a $schema that is a list.
        yield _fault(place, _("a JSON Schema (an object)"))


def _tools(value: object, place: str) -> Iterator[ValidationError]:
    if not isinstance(value, list):
        yield _fault(place, _("a list of tools"))
        return
    first_of: dict[str, str] = {}
    for number, tool in enumerate(value):
        where = f"{place}[{number}]"
        if not isinstance(tool, dict):
            yield _fault(where, _("an object"))
            continue
        yield from _tool(tool, where)
        name = _find_tool_name(tool)
        if name is None:
            continue  # a tool of the service itself, or one that is refused above
        first = first_of.setdefault(name, where)
        if first != where:
            # An answer calls a tool by its name alone.
            yield ValidationError(
                _("%(place)s has the same name as %(first)s: “%(name)s”"),
                code="config",
                params={"place": where, "first": first, "name": name},
            )


def _tool(tool: Mapping[str, object], place: str) -> Iterator[ValidationError]:
    if "input_schema" in tool:  # Anthropic's form
        yield from _tool_name(tool.get("name"), f"{place}.name")
        yield from _schema(tool["input_schema"], f"{place}.input_schema")
        return
    if tool.get("type") != "function":
        # A tool of the service itself, such as web_search: its type is all that it must have.
        yield from _text(tool.get("type"), f"{place}.type")
        return
    # OpenAI's chat API has the function in an object of its own, its responses API has not.
    function = tool.get("function", tool)
    where = place
    if "function" in tool:
        where = f"{place}.function"
    if not isinstance(function, dict):
        yield _fault(where, _("an object"))
        return
    yield from _tool_name(function.get("name"), f"{where}.name")
    if function.get("parameters") is not None:
        yield from _schema(function["parameters"], f"{where}.parameters")


def _find_tool_name(tool: Mapping[str, object]) -> str | None:
    function = tool.get("function")
    holder = function if isinstance(function, dict) else tool
    name = holder.get("name")
    if not isinstance(name, str):
        return None
    return name


def _tool_name(value: object, place: str) -> Iterator[ValidationError]:
    if not isinstance(value, str) or not TOOL_NAME.fullmatch(value):
        yield _fault(place, _("a name of 1 to 64 letters, digits, _ or -"))


def _tool_choice(value: object, place: str) -> Iterator[ValidationError]:
    if not isinstance(value, str | dict) or not value:
        yield _fault(place, _("a string such as auto, or an object"))


def _response_format(value: object, place: str) -> Iterator[ValidationError]:
    if not isinstance(value, dict) or value.get("type") not in RESPONSE_FORMATS:
        expected = _("an object whose type is one of %(allowed)s")
        yield _fault(place, expected % {"allowed": ", ".join(RESPONSE_FORMATS)})
        return
    if value["type"] != "json_schema":
        return
    # As for tools: the schema stands in an object of its own, or beside the type.
    holder = value.get("json_schema", value)
    where = place
    if "json_schema" in value:
        where = f"{place}.json_schema"
    if not isinstance(holder, dict) or "schema" not in holder:
        yield _fault(where, _("an object with a schema"))
        return
    yield from _schema(holder["schema"], f"{where}.schema")


# The ranges are the widest that any of the services takes: OpenAI's temperature goes to 2.
CHECKS: Final[Mapping[str, Check]] = {
    "model": _text,
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "presence_penalty": _number(-2, 2),
    "frequency_penalty": _number(-2, 2),
    "max_tokens": _integer(1),
    "max_completion_tokens": _integer(1),
    "max_output_tokens": _integer(1),
    "n": _integer(1),
    "top_k": _integer(),
    "seed": _integer(),
    "stop": _stop,
    "stop_sequences": _stop,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "response_format": _response_format,
    "response_schema": _schema,
}
