"""The small JavaScript expressions of a provider: paths into a response, comparisons of a status.

Most transforms of promptfoo's configurations are no more than `json.choices[0].message.content`:
those are read here, without an engine. What is more than that is refused by name. `evaluate` is the
one place that all providers call.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from evaluations.engine.errors import RefusedError

__all__ = ["UNDEFINED", "evaluate"]

UNDEFINED: Final[object] = object()
"""What JavaScript's undefined is here."""
LONGEST: Final = 10_000  # characters of an expression
ARROW: Final = re.compile(r"\(?\s*(?P<names>[\w$\s,]*?)\s*\)?\s*=>\s*(?P<body>[^{].*)", re.DOTALL)
NAME: Final = re.compile(r"[A-Za-z_$][\w$]*")
STEP: Final = re.compile(
    r"\s*(?:\?\.\s*|\.\s*)(?P<name>[A-Za-z_$][\w$]*)"
    r"|\s*(?:\?\.)?\[\s*(?P<index>\d+)\s*\]"
    r"|\s*(?:\?\.)?\[\s*(?P<quote>[\"'])(?P<key>[^\"'\\]*)(?P=quote)\s*\]"
)
COMPARISON: Final = re.compile(
    r"\s*(?P<name>[A-Za-z_$][\w$]*)\s*(?P<sign><=|>=|<|>|===?|!==?)\s*(?P<number>\d+)\s*"
)
SIGNS: Final[Mapping[str, Any]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "==": lambda left, right: left == right,
    "===": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "!==": lambda left, right: left != right,
}


async def evaluate(source: str, values: Mapping[str, object], *, what: str) -> object:
    """Return the value of an expression, or of a function of one expression.

    Args:
        source: JavaScript, such as `json.output`, `(json) => json.output` or `status < 500`.
        values: what it may name, in the order of a function's parameters.
        what: the setting that it stands in, for messages.

    Raises:
        RefusedError: it is more than that, or reaches into what is not there.
    """
    text = source.strip().rstrip(";").strip()
    named = dict(values)
    function = ARROW.fullmatch(text) if len(text) <= LONGEST else None
    if function is not None:
        names = [name.strip() for name in function["names"].split(",") if name.strip()]
        named = dict(zip(names, values.values(), strict=False))
        text = function["body"].strip()
    value = _read(text, named)
    if value is None:
        raise RefusedError("transform.javascript", what=what)
    return value[0]


def _read(text: str, values: Mapping[str, object]) -> tuple[object] | None:
    """Return the value of an expression, None where it is none that is read here."""
    if len(text) > LONGEST:
        return None
    comparison = _compare(text, values)
    if comparison is not None:
        return comparison
    for part in _split(text, "||", "??"):
        found = _follow(part, values)
        if found is None:
            return None
        if found[0] is not UNDEFINED and found[0] is not None and found[0] != "":
            return found
    return found


def _split(text: str, *separators: str) -> list[str]:
    pattern = "|".join(map(re.escape, separators))
    return [part.strip() for part in re.split(pattern, text)]


def _compare(text: str, values: Mapping[str, object]) -> tuple[object] | None:
    """Return whether comparisons with numbers hold, None where the text is something else."""
    any_of = []
    for alternative in text.split("||"):
        all_of = []
        for part in alternative.split("&&"):
            match = COMPARISON.fullmatch(part)
            left = values.get(match["name"]) if match else None
            if match is None or not isinstance(left, int):
                return None
            all_of.append(bool(SIGNS[match["sign"]](left, int(match["number"]))))
        any_of.append(all(all_of))
    return (any(any_of),)


def _follow(text: str, values: Mapping[str, object]) -> tuple[object] | None:
    """Return what a path leads to; None where the text is no path.

    Raises:
        RefusedError: it reaches into what has nothing inside, as JavaScript throws there.
    """
    name = NAME.match(text)
    if name is None or name[0] not in values:
        return None
    value = values[name[0]]
    place = name.end()
    while place < len(text):
        step = STEP.match(text, place)
        if step is None:
            return None
        is_optional = "?." in step[0]
        if value is None or value is UNDEFINED:
            if is_optional:
                return (UNDEFINED,)
            raise RefusedError("transform.nothing-there", path=text[: step.end()])
        value = _take(value, step)
        place = step.end()
    return (value,)


def _take(value: object, step: re.Match[str]) -> object:
    if step["index"] is not None:
        index = int(step["index"])
        if isinstance(value, list | str):
            return value[index] if index < len(value) else UNDEFINED
        name = step["index"]
    else:
        name = step["name"] if step["name"] is not None else step["key"]
    if isinstance(value, Mapping):
        return value.get(name, UNDEFINED)
    if isinstance(value, list | str) and name == "length":
        return len(value)
    return UNDEFINED
