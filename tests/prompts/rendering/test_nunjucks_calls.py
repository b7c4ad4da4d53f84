"""Calls in Nunjucks: what is called, and what ends at its limits.

Their answers are held against nunjucks itself in test_filters.
"""

import pytest

from prompts.rendering import RenderError, fill_text

VALUES = {"t": "Hello", "l": [1, "b"], "n": 2.5, "big": "x" * 200_000}

REFUSED = [
    ("{{ t.constructor() }}", "line 1, column 6: a call of constructor is not allowed"),
    ("a\nb {{ t | upper }} {{ t.format('x') }}", "line 2, column 24: a call of format is not"),
    ("{{ t.__class__() }}", "a call of __class__ is not allowed"),
    ("{{ other() }}", "line 1, column 4: a call of other is not allowed"),
    ("{{ l[0]() }}", "a call is not allowed"),
    ("{{ t.slice(*l) }}", "a call of slice is not allowed"),
    ("{{ t.slice(start=1) }}", "a call of slice is not allowed"),
    ("{% macro _m() %}a{% endmacro %}{{ 1 }}", "names that start with _"),
    ("{% macro m() %}a{% endmacro %}{{ m.arguments.append(1) }}", "a call of append is not"),
    ("{% macro m() %}a{% endmacro %}{{ m._func }}", "names that start with _"),
    ("{% macro m() %}a{% endmacro %}{% call m() %}x{% endcall %}", "{% call %} is not allowed"),
    ("{{ n.toUpperCase() }}", "a number has no method “toUpperCase”"),
    ("{{ l.toFixed() }}", "a list has no method “toFixed”"),
    ("{{ nothing.trim() }}", "an undefined value has no method “trim”"),
    ("{{ true.trim() }}", "this value has no method “trim”"),
    ("{% set m = t %}{% macro m() %}a{% endmacro %}{% set m = t %}{{ m() }}", "cannot be called"),
    ("{{ t.repeat(-1) }}", "cannot be repeated so often"),
    ("{{ n.toFixed(101) }}", "0 to 100 digits"),
    ("{{ range(100000) | join }}", "a range has at most 10,000 members"),
    ("{{ t.repeat(99999999999) }}", "more than 1048576 characters"),
    ("{{ t.padStart(99999999999) }}", "more than 1048576 characters"),
    ("{{ big.replaceAll('x', 'xxxxxxxxxx') }}", "more than 1048576 characters"),
    ("{{ big.concat(big, big, big, big, big) }}", "more than 1048576 characters"),
    ("{{ big.split('').join(big) }}", "more than 1048576 characters / takes / limit"),
    ("{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}", "nested too deeply"),
    (
        "{% macro m(i) %}{% if i %}{{ m(i - 1) }}{{ m(i - 1) }}{% endif %}{% endmacro %}"
        "{{ m(60) }}",
        "takes / longer / time / limit",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused(text, sentence):
    with pytest.raises(RenderError) as caught:
        fill_text(text, VALUES)
    assert any(part in str(caught.value) for part in sentence.split(" / "))


FILLED = [
    ("{{ range(3, 0) | length }}{{ range('x') | length }}{{ range(1, 3) | join }}", "0012"),
    ("{{ t.slice('x', 2) }}{{ t.substring(1 / 0) }}|{{ t.at(-9) }}|{{ t.charAt(-1) }}", "He||"),
    ("{{ (1 / 0).toFixed(1) }} {{ 1 ** (1 / 0) }} {{ (-10) ** 401 }}", "Infinity NaN -Infinity"),
    ("{% macro m(a) %}{{ a }}{% endmacro %}{{ m(a='x', b='y') }}{{ m(1, 2) }}", "x1"),
]


@pytest.mark.parametrize(("text", "filled"), FILLED, ids=range(len(FILLED)))
def test_edges(text, filled):
    assert fill_text(text, VALUES) == filled
