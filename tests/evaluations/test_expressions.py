"""Expressions of derived metrics: what they come to, what is refused, and that nothing is run."""

import re

import pytest

from evaluations.engine.errors import SuiteError
from evaluations.engine.expressions import evaluate, find_problem

VALUES = {"p": 1.0, "r": 0.5, "__count": 4.0, "指標": 3.0, "max": 9.0}

# What mathjs 15 says of the same.
GOOD = {
    "2 * p * r / (p + r)": 2 / 3,
    "p / __count": 0.25,
    "指標 + 1": 4.0,
    "2 + 3 * 4 - 6 / 2": 11.0,
    "2 ^ 3 ^ 2": 512.0,
    "-2 ^ 2": -4.0,
    "2 ^ -1": 0.5,
    "7 % 4": 3.0,
    "1e3 + .5 + 2.": 1002.5,
    "sqrt(16) + abs(-3) + min(4, 2, 8)": 9.0,
    "mean(1, 2, 6) + sum(1, 2)": 6.0,
    "round(2.5) + round(-2.5)": 0.0,
    "round(1.235, 1)": 1.2,
    "log(e) + pi - pi": 1.0,
    "p > r ? 10 : 20": 10.0,
    "p < r ? 1 : p == 1 ? 2 : 3": 2.0,
    "p >= 1 and not (r >= 1) or false": 1.0,
    "max": 9.0,
    "+p - -r": 1.5,
}


@pytest.mark.parametrize(("text", "expected"), GOOD.items(), ids=range(len(GOOD)))
def test_what_an_expression_comes_to(text, expected):
    assert evaluate(text, VALUES) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["1 / 0", "0 / 0", "sqrt(-1)", "log(0)", "10 ^ 400", "(-8) ^ 0.5"])
def test_what_is_no_number_is_none(text):
    assert evaluate(text, {}) is None


BAD = {
    "": "“the end” stands for nothing",
    "1 +": "“the end” stands for nothing",
    "nope + 1": "“nope” stands for nothing",
    "(1 + 2": "“)” is missing before “the end”",
    "1 ? 2": "“:” is missing before “the end”",
    "1 2": "“2” cannot be read here",
    "a; b": "“; b” cannot be read here",
    "__import__('os')": "“'os')” cannot be read here",
    "open(1)": "there is no function “open”",
    "sqrt(1, 2)": "too few or too many arguments",
    "p.q": "“.q” cannot be read here",
    "(" * 60 + "1" + ")" * 60: "nested more than 50 deep",
    "-" * 900 + "1": "nested more than 50 deep",
    "1" * 1001: "at most 1000 characters",
}


@pytest.mark.parametrize(("text", "sentence"), BAD.items(), ids=range(len(BAD)))
def test_what_is_no_expression_is_refused(text, sentence):
    with pytest.raises(SuiteError, match=re.escape(sentence)):
        evaluate(text, VALUES)


def test_names_are_nobody_s_trouble_before_a_run():
    assert find_problem("anything + __count / (other - other)") is None
    assert "no function “nope”" in str(find_problem("nope(2)"))
    assert "cannot be read" in str(find_problem("a b"))
