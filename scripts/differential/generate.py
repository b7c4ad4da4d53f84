"""Pairs of an answer and an assertion, drawn at random with a seed: nobody picked them."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

__all__ = ["TYPES", "generate"]

WORDS: Final = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "and",
    "saw",
    "The",
    "Cat",
    "run",
    "home",
    "again",
    "it",
    "is",
    "good",
    "work",
    "today",
    "Tokyo",
    "東京",
    "は",
    "晴れ",
    "です",
    "プロンプト",
    "改善",
    "résumé",
    "naïve",
    "ÇA",
    "Straße",
    "İstanbul",
    "😀",
    "👩\u200d💻",
    "𠮷",
    "42",
    "3.14",
    "1,000",
    "-7",
    "can't",
    "won't",
    "it's",
    "end.",
    "ok!",
    "yes,",
    "no;",
    "(maybe)",
    "[sic]",
    '"quoted"',
    "'single'",
    "a.b",
    "a-b",
    "A_B",
    "<p>",
    "</p>",
    "&amp;",
    "{x}",
    "$5",
    "50%",
    "\\d",
    "^$",
]
GAPS: Final = (" ", " ", " ", "  ", "\n", "\t", "　", "\u00a0", "")
PATTERNS: Final = (
    r"\d+", r"^\w+$", r"[a-z]{2,}", r"(?<=the )cat", r"(?<!a )mat", r"\bcat\b", r"東京.*晴れ", r"$",
    r"^.{0,9}$", r"(?<word>cat).*\k<word>", r"[^]+", r"\u6771", r"a|b|", r"(", r"[z-a]", r"*x",
    r"\/", r"\cJ", r"(?i)cat", r"\p{L}", r"(?:un)?good", r"^\s*$", r"\S+\s\S+", r".\n.", r"x{2,1}",
    r"\1(a)", r"[\d-x]", r"\z", r"é", r"😀{2}", r"^(?=.*cat)(?=.*mat)", r"\w+\.$",
)  # fmt: skip
DOCUMENTS: Final = (
    "{}", "[]", "1", "null", "true", '"text"', '{"a": 1}', '{"a": "x", "b": [1, 2]}', "{a: 1}",
    '{"a": 1,}', '```json\n{"a": 1}\n```', ' {"a": 1} ', "{'a': 1}", '{"a": {"b": null}}', "NaN",
    '{"a": 1} {"b": 2}', '{"a": ', "[1, 2", '{"email": "a@b.example"}', '{"email": "no"}', "01",
    "1e5",
    '{"a": 1, // note\n "b": 2}', "not json", "", '{"日本": "東京"}', '{"a": 1.0}',
)  # fmt: skip
SCHEMAS: Final = (
    {"type": "object"}, {"type": "object", "required": ["a"]}, {"required": ["b"]},
    {"type": "array"},
    {"type": "object", "properties": {"a": {"type": "integer"}}}, {"enum": [1, None]},
    {"type": "object", "properties": {"email": {"type": "string", "format": "email"}}},
    "type: object\nrequired: [a]", '{"type": "array", "maxItems": 1}', {"not": {"type": "object"}},
)  # fmt: skip
MARKUP: Final = (
    "<a/>", "<a><b>1</b></a>", "<a><b/><c/></a>", "<a>", "<a></b>", "text <a><b>1</b></a> more",
    "a < b",
    '<?xml version="1.0"?><root><item>x</item></root>', "<a x='1'/>", "<a x=1/>", "<a>&amp;</a>",
    "<a>&nope;</a>", "", "plain", "<p>Hello</p>", "<p>Hello", "Hello <b>x</b>", "<br>", "<br/>",
    '<div class="x">ok</div>', "<!DOCTYPE html><html><body>x</body></html>", "<x-y>z</x-y>",
    "<foo>bar</foo>", "<!-- note -->", "<h1>題</h1><p>本文</p>", "&amp; &lt;", "1 < 2 and 3 > 2",
    "```html\n<p>x</p>\n```", "<ul><li>a<li>b</ul>", "<img src='x'>",
    "<root><a><b>x</b></a></root>",
    "<a><![CDATA[x]]></a>", "<a>1</a><a>2</a>", "<日本>x</日本>",
)  # fmt: skip
REPLIES: Final = (
    "I'm sorry, but I can't help with that.", "Sorry, no.", "I cannot answer this.",
    "Sure, here it is.",
    "I am unable to assist.", "As an AI language model I have no opinion.", "Of course!", "", "  ",
    "I will not do this", "My apologies", "The cat sat.", "I’m sorry", "SORRY",
    "It is illegal to do so",
    "No problem, I can help.", "I'm not able to provide this", "Not sorry at all",
)  # fmt: skip

Draw = Callable[[random.Random], dict[str, Any]]


def _text(source: random.Random, longest: int = 10) -> str:
    count = source.randint(0, longest)
    return "".join(source.choice(WORDS) + source.choice(GAPS) for _ in range(count))


def _near(source: random.Random, text: str) -> str:
    letters = list(text)
    for _ in range(source.randint(0, 4)):
        start = source.randint(0, len(letters))
        # The order of the draws is what makes a seed's pairs, and many of them are recorded.
        added = source.choice(["", "x", " ", "é", "😀", "T"])
        letters[start : start + source.randint(0, 1)] = added
    return "".join(letters)


def _value(source: random.Random) -> Any:
    return source.choice(
        [_text(source, 3), _text(source, 1), source.choice(WORDS), source.randint(-9, 99), 3.5, 2.0]
    )


def _limit(source: random.Random, *choices: float) -> dict[str, Any]:
    threshold = source.choice((None, *choices))
    return {} if threshold is None else {"threshold": threshold}


def _equals(source: random.Random) -> dict[str, Any]:
    if source.random() < 0.4:
        text = source.choice(DOCUMENTS)
        return {"value": source.choice([{"a": 1}, [], {}, [1, 2], {"日本": "東京"}]), "text": text}
    value = source.choice([_value(source), True, False])
    same = str(value)
    if isinstance(value, bool | float):  # JavaScript writes them in another way than Python
        same = source.choice(["true", "3.5", "2"])
    return {"value": value, "text": source.choice([same, _near(source, same), f"{same} "])}


def _contains(source: random.Random) -> dict[str, Any]:
    value = _value(source)
    return {
        "value": value,
        "text": _text(source) + source.choice(["", str(value), str(value).upper()]),
    }


def _several(source: random.Random) -> dict[str, Any]:
    values: Any = [_value(source) for _ in range(source.randint(1, 3))]
    if source.random() < 0.5:
        values = source.choice([",", ", ", ",,"]).join(map(str, values))
    elif source.random() < 0.3:
        values = '"a, b", "say ""hi""", cat'
    end = source.choice(["", "a, b", "cat", 'say "hi"'])
    return {"value": values, "text": _text(source) + end}


def _starts(source: random.Random) -> dict[str, Any]:
    value = source.choice(WORDS)
    return {"value": value, "text": source.choice(["", " ", value]) + _text(source)}


def _regex(source: random.Random) -> dict[str, Any]:
    return {
        "value": source.choice(PATTERNS),
        "text": source.choice([_text(source), "", "cat", "\n"]),
    }


def _json(source: random.Random) -> dict[str, Any]:
    text = source.choice(DOCUMENTS)
    if source.random() < 0.3:
        text = f"{_text(source, 3)} {text} {_text(source, 2)}"
    schema = {"value": source.choice(SCHEMAS)} if source.random() < 0.5 else {}
    return {"text": text, **schema}


def _xml(source: random.Random) -> dict[str, Any]:
    value = source.choice(
        [None, "a", "a.b", "a.b,a.c", "root.item", {"requiredElements": ["a.b"]}, ["a"]]
    )
    drawn: dict[str, Any] = {"text": source.choice(MARKUP)}
    if value is not None:
        drawn["value"] = value
    return drawn


def _html(source: random.Random) -> dict[str, Any]:
    text = source.choice(MARKUP)
    if source.random() >= 0.7:
        text = f"{_text(source, 2)}{text}"
    return {"text": text}


def _edits(source: random.Random) -> dict[str, Any]:
    value = _text(source, 4)
    return {"value": value, "text": _near(source, value), **_limit(source, 0, 1, 3, 8)}


def _overlap(source: random.Random) -> dict[str, Any]:
    value = _text(source, 8) or "cat"
    near = " ".join(word for word in value.split() if source.random() < 0.8)
    text = source.choice([near, _near(source, value), _text(source), value])
    return {"value": value, "text": text, **_limit(source, 0, 0.3, 0.9, 1)}


def _references(source: random.Random) -> dict[str, Any]:
    drawn = _overlap(source)
    if source.random() < 0.3:
        drawn["value"] = [drawn["value"], _text(source, 6) or "mat"]
    return drawn


def _count(source: random.Random) -> dict[str, Any]:
    low, high = sorted((source.randint(0, 6), source.randint(0, 9)))
    value = source.choice([low, str(high), {"min": low}, {"max": high}, {"min": low, "max": high}])
    return {"value": value, "text": _text(source)}


def _refusal(source: random.Random) -> dict[str, Any]:
    return {"text": source.choice(REPLIES)}


def _latency(source: random.Random) -> dict[str, Any]:
    return {"text": "x", "threshold": source.choice([-1, 1e7])}


def _cost(source: random.Random) -> dict[str, Any]:
    return {
        "text": "x",
        "cost": source.choice([0.0, 0.002, 1.5]),
        "threshold": source.choice([0, 0.002, 2]),
    }


def _probabilities(source: random.Random) -> dict[str, Any]:
    logs = [-source.random() * 3 for _ in range(source.randint(1, 5))]
    return {"text": "x", "logProbs": logs, **_limit(source, 0.2, 0.5, 1.5, 5)}


def _finish(source: random.Random) -> dict[str, Any]:
    reasons = ["stop", "length", "content_filter", "tool_calls", "STOP"]
    reason = source.choice([*reasons, None])
    drawn = {"text": "x", "value": source.choice(reasons)}
    if reason is not None:
        drawn["finishReason"] = reason
    return drawn


def _guard(source: random.Random) -> dict[str, Any]:
    return {"text": "x", "guardrails": {"flagged": source.random() < 0.5}}


def _tools(source: random.Random) -> dict[str, Any]:
    names = ["search", "buy", "探す"]
    called = source.sample(names, source.randint(0, 3))
    calls = [{"type": "function", "function": {"name": name, "arguments": "{}"}} for name in called]
    value: Any = source.sample(names, source.randint(1, 3))
    if source.random() < 0.5:
        value = ", ".join(value)
    return {"data": calls, "text": json.dumps(calls), "value": value, **_limit(source, 0, 0.5, 0.8)}


DRAWS: Final[dict[str, Draw]] = {
    "equals": _equals,
    **dict.fromkeys(("contains", "icontains"), _contains),
    **dict.fromkeys(("contains-any", "contains-all", "icontains-any", "icontains-all"), _several),
    "starts-with": _starts,
    "regex": _regex,
    **dict.fromkeys(("is-json", "contains-json"), _json),
    **dict.fromkeys(("is-xml", "contains-xml"), _xml),
    **dict.fromkeys(("is-html", "contains-html"), _html),
    "levenshtein": _edits,
    "rouge-n": _overlap,
    **dict.fromkeys(("bleu", "gleu"), _references),
    "word-count": _count,
    "is-refusal": _refusal,
    "latency": _latency,
    "cost": _cost,
    **dict.fromkeys(("perplexity", "perplexity-score"), _probabilities),
    "finish-reason": _finish,
    "guardrails": _guard,
    "tool-call-f1": _tools,
}
TYPES: Final = tuple(DRAWS)


def generate(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield pairs {"assertion": …, "answer": …}, every type as often as the others."""
    source = random.Random(seed)  # noqa: S311 (test data)
    for number in range(count):
        name = TYPES[number % len(TYPES)]
        drawn = DRAWS[name](source)
        negated = source.random() < 0.35
        assertion = {"type": f"not-{name}" if negated else name}
        assertion |= {key: drawn.pop(key) for key in ("value", "threshold") if key in drawn}
        yield {"assertion": assertion, "answer": drawn}
