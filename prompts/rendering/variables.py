"""Declarations of variables, and the values that fit them."""

import json
import keyword
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from core.language import gettext_noop
from prompts.rendering.problems import ContractError, Problem, ValuesError, nearest
from prompts.rendering.values import estimate_size

__all__ = [
    "LARGEST",
    "TYPES",
    "Variable",
    "coerce_values",
    "is_variable_name",
    "parse_variables",
    "take_values",
]

TYPES: Final[Mapping[str, str]] = {
    "text": gettext_noop("a string"),
    "number": gettext_noop("a number"),
    "boolean": gettext_noop("true or false"),
    "list": gettext_noop("a list"),
    "json": gettext_noop("a JSON value"),
}
KEYS: Final = ("name", "type", "required", "default", "description", "example")
WORDS: Final = """
    true false none not and or if elif else endif for endfor in is set endset include import from
    block endblock extends macro endmacro call endcall filter endfilter with endwith without
    context raw endraw recursive loop self super caller varargs kwargs do namespace
"""
RESERVED: Final = frozenset(WORDS.split())
LARGEST: Final = 10_000_000  # characters of all values together
MOST_PROBLEMS: Final = 20  # of unknown names; the rest shows when these are mended
MOST_DECLARED: Final = 500  # each is compared with the names of the others
LONGEST_NAME: Final = 100
EXCERPT: Final = 100  # characters of what was sent, in a problem
DEEPEST: Final = 50  # levels
LONGEST_NUMBER_BITS: Final = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """A variable of a template."""

    name: str
    """An identifier in any script."""
    type: str = "text"
    """A key of TYPES."""
    required: bool = True
    """Whether a value must be given."""
    default: object = None
    """The value where none is given; None: an empty one of the type."""
    description: str = ""
    """What it is, for people."""
    example: object = None
    """A value to try it with."""

    def as_json(self) -> dict[str, object]:
        """Return every field, in their order."""
        return asdict(self)

    def empty(self) -> object:
        """Return the value where neither a value nor a default is given."""
        return {"text": "", "number": 0, "boolean": False, "list": []}.get(self.type)


def is_variable_name(name: object) -> bool:
    """Whether a variable can be called so."""
    if not isinstance(name, str) or len(name) > LONGEST_NAME or not name.isidentifier():
        return False
    if name.startswith("_"):
        return False  # the sandbox's own names
    # Jinja's words in any case: True and TRUE read as if they were the value.
    return name.lower() not in RESERVED and name not in keyword.kwlist


def parse_variables(value: object) -> tuple[Variable, ...]:
    """Return the variables that a JSON list of objects declares.

    An entry with a default and without `required` is not required.

    Raises:
        ContractError: with a problem for each fault.
    """
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ContractError([Problem(code="declaration-list")])
    if len(value) > MOST_DECLARED:
        raise ContractError([Problem(code="too-many-declared", params={"limit": MOST_DECLARED})])
    problems: list[Problem] = []
    seen: set[str] = set()
    # All problems at once: who edits declarations fixes them in one go.
    for entry in value:
        problems += _faults(entry)
        name = entry.get("name")
        if not isinstance(name, str):
            continue  # a fault that is listed above
        if name in seen:
            problems.append(Problem(code="declaration-twice", params={"name": name}))
        seen.add(name)
    if problems:
        raise ContractError(problems)
    return tuple(_build(entry) for entry in value)


def _build(entry: dict[str, Any]) -> Variable:
    fields = {key: value for key, value in entry.items() if value is not None}
    fields.setdefault("required", "default" not in fields)
    return Variable(**fields)


def _faults(entry: dict[str, object]) -> list[Problem]:
    name = entry.get("name")
    if not is_variable_name(name):
        return [Problem(code="declaration-name", params={"name": str(name or "")[:EXCERPT]})]
    problems = []
    for code, params in (*_wrong_keys(entry), *_wrong_texts(entry), *_wrong_values(entry)):
        problems.append(Problem(code=code, params={"name": name, **params}))
    return problems


Fault = tuple[str, dict[str, object]]  # a code and its parameters


def _wrong_keys(entry: dict[str, object]) -> Iterator[Fault]:
    for key in entry:
        if key not in KEYS:
            yield "declaration-key", {"key": str(key)[:EXCERPT], "allowed": ", ".join(KEYS)}


def _wrong_texts(entry: dict[str, object]) -> Iterator[Fault]:
    if not isinstance(entry.get("description") or "", str):
        yield "declaration-text", {"key": "description"}
    if not isinstance(entry.get("required") or False, bool):
        yield "declaration-required", {}


def _wrong_values(entry: dict[str, object]) -> Iterator[Fault]:
    kind = entry.get("type") or "text"
    if kind not in list(TYPES):
        yield "declaration-type", {"type": str(kind)[:EXCERPT], "allowed": ", ".join(TYPES)}
        return
    for key in ("default", "example"):
        value = entry.get(key)
        if value is not None and not _fits(value, kind):
            yield "declaration-value", {"key": key, "expected": TYPES[kind]}
    if entry.get("required") is True and entry.get("default") is not None:
        yield "declaration-default", {}


def take_values(
    variables: Iterable[Variable],
    values: Mapping[str, object],
    placeholders: Collection[str] = (),
) -> dict[str, object]:
    """Return a value for each variable: the one in `values`, its default, or an empty one.

    Args:
        variables: the declared ones.
        values: by name; those of placeholders may stand among them.
        placeholders: names of a chat's placeholders, whose values are looked at elsewhere.

    Raises:
        ValuesError: with a problem for each value that is missing, unknown or of a wrong type.
    """
    declared = {variable.name: variable for variable in variables}
    problems = _list_unknown(values, (*declared, *placeholders))
    taken: dict[str, object] = {}
    for name, variable in declared.items():
        value = values.get(name)
        # Null is a JSON value like any other; of the other types it says that there is none.
        is_null = variable.type == "json" and name in values
        if value is None and not is_null:
            if variable.required:
                problems.append(_missing(variable))
                continue
            taken[name] = variable.default
            if variable.default is None:
                taken[name] = variable.empty()
        elif not _fits(value, variable.type):
            problems.append(_wrong_type(variable, value))
        else:
            taken[name] = value
    if not problems and estimate_size(taken) > LARGEST:
        problems.append(Problem(code="value-size", params={"limit": LARGEST}))
    if problems:
        raise ValuesError(problems)
    return taken


def coerce_values(
    variables: Iterable[Variable],
    texts: Mapping[str, str],
    placeholders: Collection[str] = (),
) -> dict[str, object]:
    """Return values of the declared types from texts, as a command line or a form has them.

    A number is written in digits, a boolean as true or false (yes, no, 1, 0), a list as JSON or
    one item a line, JSON as JSON. So are the messages for a placeholder, which are looked at
    when they are inserted.

    Raises:
        ValuesError: with a problem for each text that is no value of its type.
    """
    declared = {variable.name: variable for variable in variables}
    problems = _list_unknown(texts, (*declared, *placeholders))
    values: dict[str, object] = {}
    for name, text in texts.items():
        if name in placeholders:
            value = _read_json(text)
            if value is _UNREADABLE:
                params = {"name": name, "found": _excerpt(text)}
                problems.append(Problem(code="history-list", params=params))
            else:
                values[name] = value
            continue
        if name not in declared:
            continue
        value = _READERS[declared[name].type](text)
        if value is _UNREADABLE:
            problems.append(_wrong_type(declared[name], text))
        else:
            values[name] = value
    if problems:
        raise ValuesError(problems)
    return values


_UNREADABLE: Final = object()


def _read_number(text: str) -> object:
    # An integer first: a float would lose the digits of a long one.
    for read in (int, float):
        try:
            value = read(text.strip())
        except ValueError:
            continue
        return value if _fits(value, "number") else _UNREADABLE
    return _UNREADABLE


def _read_boolean(text: str) -> object:
    word = text.strip().lower()
    if word in {"true", "yes", "1", "on"}:
        return True
    if word in {"false", "no", "0", "off", ""}:  # an empty one is an unchecked box of a form
        return False
    return _UNREADABLE


def _read_json(text: str) -> object:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _UNREADABLE
    return value if _fits(value, "json") else _UNREADABLE


def _read_list(text: str) -> object:
    value = _read_json(text)
    if isinstance(value, list):
        return value
    return [line for line in text.splitlines() if line.strip()]


_READERS: Final = {
    "text": lambda text: text,
    "number": _read_number,
    "boolean": _read_boolean,
    "list": _read_list,
    "json": _read_json,
}


def _list_unknown(names: Iterable[str], known: Collection[str]) -> list[Problem]:
    allowed = dict.fromkeys(known)
    unknown = [name for name in names if name not in allowed]
    # Not of all: each is compared with every name that is known, to find the nearest.
    return [_unknown(name, allowed) for name in unknown[:MOST_PROBLEMS]]


def _unknown(name: str, known: Collection[str]) -> Problem:
    name = str(name)[:EXCERPT]
    if not known:
        return Problem(code="none-known", params={"name": name})
    near = nearest(name, known)
    if near:
        return Problem(code="unknown-near", params={"name": name, "near": near})
    return Problem(code="unknown", params={"name": name, "allowed": ", ".join(known)})


def _missing(variable: Variable) -> Problem:
    params = {"name": variable.name, "expected": variable.description or TYPES[variable.type]}
    return Problem(code="missing", params=params)


def _wrong_type(variable: Variable, value: object) -> Problem:
    params = {
        "name": variable.name,
        "expected": TYPES[variable.type],
        "found": _excerpt(value),
    }
    return Problem(code="value-type", params=params)


def _excerpt(value: object) -> str:
    text = repr(value)
    if len(text) > 40:  # enough to see which value it is
        return f"{text[:40]}…"
    return text


def _fits(value: object, kind: str) -> bool:
    return _FITS[kind](value)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(value, int):
        # To write a number takes time that grows with the square of its digits.
        return value.bit_length() <= LONGEST_NUMBER_BITS
    return math.isfinite(value)


def _is_plain(value: object, depth: int = 0) -> bool:
    if value is None or isinstance(value, bool | str):
        return True
    if isinstance(value, int | float):
        return _is_number(value)
    if depth >= DEEPEST:
        return False
    parts: Iterable[object]
    if isinstance(value, list):
        parts = value
    elif isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            return False  # JSON has no other keys than texts
        parts = value.values()
    else:
        return False
    return all(_is_plain(part, depth + 1) for part in parts)


_FITS: Final[Mapping[str, Callable[[object], bool]]] = {
    "text": lambda value: isinstance(value, str),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list) and _is_plain(value),
    "json": _is_plain,
}
