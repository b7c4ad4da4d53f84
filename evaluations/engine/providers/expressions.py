"""The JavaScript of a provider: transforms of requests and responses, checks of a status.

Most of promptfoo's configurations have no more than `json.choices[0].message.content`: such a path
is followed here, which takes no engine. All else runs in the sandbox (`core.javascript`).
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from core.javascript import JavaScriptError, Kind, Program, run_async
from evaluations.engine.errors import RefusedError
from evaluations.engine.providers.failures import shorten

__all__ = ["UNDEFINED", "evaluate"]

UNDEFINED: Final[object] = object()
"""What JavaScript's undefined is here."""
LONGEST: Final = 10_000  # characters of an expression
ARROW: Final = re.compile(r"\(?\s*(?P<names>[\w$\s,]*?)\s*\)?\s*=>\s*(?P<body>[^{].*)", re.DOTALL)
FUNCTION: Final = re.compile(r"(?:async\s+)?(?:\([^()]*\)\s*=>|[\w$]+\s*=>|function\b)")
RETURNS: Final = re.compile(r"\breturn\b")
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
    """Return the value of an expression, of a function, or of a body with `return`.

    Args:
        source: JavaScript, such as `json.output`, `(json) => json.output` or `status < 500`.
        values: what it may name, in the order of a function's parameters.
        what: the setting that it stands in, for messages.

    Raises:
        RefusedError: it throws, wants what the sandbox does not have, or comes to a limit.
    """
    text = source.strip().rstrip(";").strip()
    named = dict(values)
    function = ARROW.fullmatch(text) if len(text) <= LONGEST else None
    if function is not None:
        names = [name.strip() for name in function["names"].split(",") if name.strip()]
        named = dict(zip(names, values.values(), strict=False))
        text = function["body"].strip()
    value = _read(text, named)
    return await _run(source, values, what) if value is None else value[0]


async def _run(source: str, values: Mapping[str, object], what: str) -> object:
    program = Program(
        kind=Kind.BODY, source=_write_body(source, list(values)), parameters=tuple(values)
    )
    try:
        returned = await run_async(program, list(values.values()))
    except JavaScriptError as error:
        raise RefusedError("transform.failed", what=what, error=shorten(str(error))) from None
    return UNDEFINED if returned.type == "undefined" else returned.value


def _write_body(source: str, names: list[str]) -> str:
    """Return the body of a function that does what a setting says."""
    text = source.strip()
    if FUNCTION.match(text):
        return f"return ({text.rstrip(';')})({', '.join(names)});"
    if RETURNS.search(text):
        return text
    return f"return ({text.rstrip(';')});"


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
