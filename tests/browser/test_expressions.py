"""The expressions of the theme's attributes, carried out by static/autoforge/expressions.js."""

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser):
    """Return a page with nothing but the script, which keeps nothing from one text to the next."""
    opened = browser.new_page()
    opened.add_script_tag(path="static/autoforge/expressions.js")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 - 4 / 2 % 3", 5),
        ("(1 + 2) * 3", 9),
        ("a.b['c d'][0]", 7),
        ("a?.b && missing?.b || 'none'", "none"),
        ("!a ? 1 : n === 3 ? 2 : 3", 2),
        ("n = n + 1; n", 4),
        ("if (n > 5) { n = 0 } else { n = 9; } n", 9),
        ("if (n == '3') n = 8", 8),
        ("[1, 'x', [2],]", [1, "x", [2]]),
        ("{a: 1, 'b-c': n, n, d: {}}", {"a": 1, "b-c": 3, "n": 3, "d": {}}),
        ("twice(x => x + n)", 11),
        ("twice((x, y) => x)", 8),
        ("'it\\'s' + \"\\n\"", "it's\n"),
        ("-n < -2 && n >= 3 && n <= 3 && n != 4 && n !== '3'", True),
        ("'\\u65e5'.length > 0", True),
        ("null || undefined || false", False),
    ],
)
def test_expressions(page, text, value):
    code = """(text) => {
        const scope = {
            a: {b: {"c d": [7]}}, n: 3, missing: null, twice: (work) => work(8),
        };
        globalThis.Alpine = {mergeProxies: ([first, second]) => ({...second, ...first})};
        const {parse, run} = autoforgeExpressions;
        return run(parse(text), scope) ?? null;
    }"""
    assert page.evaluate(code, text) == value


@pytest.mark.parametrize(
    "text",
    [
        "1 +",
        "(1",
        "a.",
        "1 = 2",
        "`x`",
        "new Date()",
        "a => ",
        "{a b}",
        "a ? 1",
        "function () {}",
        "#",
    ],
)
def test_what_is_no_expression(page, text):
    refused = page.evaluate(
        "text => { try { autoforgeExpressions.parse(text) } catch (error) { return error.name } }",
        text,
    )
    assert refused == "SyntaxError"
