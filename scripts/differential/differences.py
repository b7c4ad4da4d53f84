"""Where we mean something else than promptfoo 0.123.1, and why. Everything else has to agree."""

from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["DIFFERENCES", "ROWS", "why_different", "why_request_differs", "why_row_differs"]

Pair = Mapping[str, Any]
Verdict = Mapping[str, Any]


def _kind(pair: Pair) -> str:
    return str(pair["assertion"]["type"]).removeprefix("not-")


def _silence(pair: Pair, _theirs: Verdict, _ours: Verdict) -> bool:
    return _kind(pair) == "is-refusal" and not pair["answer"]["text"].strip()


DIFFERENCES: Final[tuple[tuple[str, Callable[[Pair, Verdict, Verdict], bool]], ...]] = (
    ("is-refusal: silence passes with the score 1; promptfoo passes it with the score 0", _silence),
)


def why_different(pair: Pair, theirs: Verdict, ours: Verdict) -> str | None:
    """Return the reason of an intended difference, None where there is none."""
    for why, applies in DIFFERENCES:
        if applies(pair, theirs, ours):
            return why
    return None


Row = Mapping[str, Any]


def _shown_raw(_name: str, theirs: Row, ours: Row, parts: list[str]) -> bool:
    if parts != ["vars"]:
        return False
    for name, value in theirs["vars"].items():
        if ours["vars"].get(name) != value and not _is_raw(value):
            return False
    return True


def _is_raw(value: object) -> bool:
    if not isinstance(value, str):
        return False
    return value.startswith(("file://", "{", "[")) or "{{" in value or value.endswith("\n")


def _transformed(name: str, _theirs: Row, _ours: Row, parts: list[str]) -> bool:
    return name == "code" and parts == ["output"]


def _idle_set(name: str, _theirs: Row, _ours: Row, parts: list[str]) -> bool:
    return name == "sets" and parts == ["parts"]


def _json_text(_name: str, theirs: Row, ours: Row, parts: list[str]) -> bool:
    if not {"output", "vars"}.issuperset(parts) or theirs["output"] != "You asked: null":
        return False
    return bool(str(ours["output"]).startswith("You asked: {"))


RAW: Final = (
    "variables are shown as they were filled in, files read and names resolved; promptfoo shows "
    "what the configuration says"
)
IDLE: Final = "a set of weight 0 passes, as any assertion of weight 0 does; in promptfoo it fails"


def _decided(name: str, _theirs: Row, ours: Row, parts: list[str]) -> bool:
    return name == "code-that-scores" and parts == ["parts"] and ours["parts"] != []


DECIDED: Final = (
    "what a scoring function decides is shown as a row of its own; promptfoo keeps its reason apart"
)
TRANSFORMED: Final = (
    "the model's own answer is shown, and what transforms make of it is judged: a stored answer "
    "can be judged again"
)
JSON_TEXT: Final = (
    "a prompt that is JSON and no list of messages is sent as a text; promptfoo sends it where "
    "messages belong, and services refuse that"
)
ROWS: Final[tuple[tuple[str, Callable[[str, Row, Row, list[str]], bool]], ...]] = (
    (RAW, _shown_raw),
    (TRANSFORMED, _transformed),
    (DECIDED, _decided),
    (IDLE, _idle_set),
    (JSON_TEXT, _json_text),
)


def why_row_differs(
    name: str, theirs: Row | None, ours: Row | None, parts: list[str]
) -> str | None:
    """Return the reason why a row of a configuration differs, None where it should not."""
    if theirs is None or ours is None:
        return None
    for why, applies in ROWS:
        if applies(name, theirs, ours, parts):
            return why
    return None


def _is_json_text(_name: str, request: Row) -> bool:
    """Whether the prompt is JSON and no list of messages."""
    messages = request["body"].get("messages")
    if isinstance(messages, list) and len(messages) == 1:
        return str(messages[0].get("content")).startswith("{\n")
    return not isinstance(messages, list)


REQUESTS: Final[tuple[tuple[str, Callable[[str, Row], bool]], ...]] = ((JSON_TEXT, _is_json_text),)


def why_request_differs(name: str, request: Row) -> str | None:
    """Return the reason why only one of both sends a request, None where both should."""
    for why, applies in REQUESTS:
        if applies(name, request):
            return why
    return None
