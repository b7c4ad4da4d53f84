"""Arithmetic with names, such as `2 * precision * recall / (precision + recall)`: nothing is run.

The part of mathjs's language that derived metrics of promptfoo's configurations use: numbers,
names, `+ - * / % ^`, comparisons, `and or not`, `a ? b : c`, and functions of numbers. The grammar,
the loosest first; `^` binds to the right, and closer than a sign before it (-2 ^ 2 is -4):

    choice      or [? choice : choice]
    or, and     … or …, … and …
    comparison  sum [== != < <= > >= sum]
    sum         product {+ - product}
    product     sign {* / % sign}
    sign        {+ - not} power
    power       value [^ sign]
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from evaluations.engine.errors import SuiteError

__all__ = ["evaluate", "find_problem"]

LONGEST: Final = 1000  # characters; nobody could read a longer one
DEEPEST: Final = 50  # brackets within brackets
TOKENS: Final = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([^\W\d]\w*)|(==|!=|<=|>=|[-+*/%^<>?:(),]))"
)
COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = MappingProxyType({
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
})  # fmt: skip
FUNCTIONS: Final[Mapping[str, Callable[..., float]]] = MappingProxyType({
    "abs": abs, "sqrt": math.sqrt, "exp": math.exp, "log": math.log, "log2": math.log2,
    "log10": math.log10, "floor": math.floor, "ceil": math.ceil, "max": lambda *v: max(v),
    "min": lambda *v: min(v), "sum": lambda *v: math.fsum(v), "pow": math.pow,
    "mean": lambda *v: math.fsum(v) / len(v), "sign": lambda v: (v > 0) - (v < 0),
    # Halves away from zero, as mathjs rounds them; Python's go to the even neighbour.
    "round": lambda v, digits=0: math.copysign(
        math.floor(abs(v) * 10**digits + 0.5) / 10**digits, v
    ),
})  # fmt: skip
CONSTANTS: Final = MappingProxyType({"pi": math.pi, "e": math.e, "true": 1.0, "false": 0.0})


def evaluate(text: str, values: Mapping[str, float]) -> float | None:
    """Return what an expression comes to; None where that is no finite number, as of 1 / 0.

    Args:
        text: the expression.
        values: what its names stand for.

    Raises:
        SuiteError: it is no such expression, or a name stands for nothing; says which.

    >>> evaluate("2 * p * r / (p + r)", {"p": 1.0, "r": 0.5})
    0.6666666666666666
    """
    if len(text) > LONGEST:
        raise SuiteError("expression.long", most=LONGEST)
    reader = _Reader(_split(text), values)
    try:
        result = reader.read_choice()
    except (ArithmeticError, ValueError):  # a division by zero, the root of a negative number
        return None
    except TypeError:
        raise SuiteError("expression.arguments") from None
    reader.expect_end()
    return float(result) if math.isfinite(result) else None


def find_problem(text: str) -> SuiteError | None:
    """Return why a text is no expression, whatever its names stand for; None where it is one."""
    try:
        evaluate(text, _Anything())
    except SuiteError as error:
        return error
    return None


class _Anything(dict[str, float]):
    """Values for all names that are not those of functions."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.isidentifier() and name not in FUNCTIONS

    def __missing__(self, _name: str) -> float:
        return 1.0


def _split(text: str) -> list[str]:
    tokens = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = TOKENS.match(text, position)
        if match is None:
            raise SuiteError("expression.sign", sign=text[position:].strip()[:20])
        tokens.append(match[0].strip())
        position = match.end()
    return tokens


class _Reader:
    """Reads tokens from left to right, and calculates while it reads."""

    def __init__(self, tokens: list[str], values: Mapping[str, float]) -> None:
        self._tokens = tokens
        self._values = values
        self._position = 0
        self._depth = 0

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _take(self, *tokens: str) -> str:
        """Return the next token where it is one of these, and go on; else ""."""
        token = self._peek()
        if token not in tokens:
            return ""
        self._position += 1
        return token

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise SuiteError("expression.expected", token=token, found=self._peek() or "the end")

    def expect_end(self) -> None:
        """Refuse what is left.

        Raises:
            SuiteError: something is.
        """
        if self._peek():
            raise SuiteError("expression.sign", sign=self._peek()[:20])

    def read_choice(self) -> float:
        """Return the value of the loosest form."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise SuiteError("expression.deep", most=DEEPEST)
        value = self._read_or()
        if self._take("?"):
            first = self.read_choice()
            self._expect(":")
            second = self.read_choice()
            value = first if value else second
        self._depth -= 1
        return value

    def _read_or(self) -> float:
        value = self._read_and()
        while self._take("or"):
            other = self._read_and()
            value = float(bool(value) or bool(other))
        return value

    def _read_and(self) -> float:
        value = self._read_comparison()
        while self._take("and"):
            other = self._read_comparison()
            value = float(bool(value) and bool(other))
        return value

    def _read_comparison(self) -> float:
        value = self._read_sum()
        sign = self._take(*COMPARISONS)
        return float(COMPARISONS[sign](value, self._read_sum())) if sign else value

    def _read_sum(self) -> float:
        value = self._read_product()
        while sign := self._take("+", "-"):
            other = self._read_product()
            value = value + other if sign == "+" else value - other
        return value

    def _read_product(self) -> float:
        value = self._read_sign()
        while sign := self._take("*", "/", "%"):
            other = self._read_sign()
            if sign == "*":
                value *= other
            else:
                value = value / other if sign == "/" else value % other
        return value

    def _read_sign(self) -> float:
        sign = self._take("+", "-", "not")
        if not sign:
            return self._read_power()
        self._depth += 1
        if self._depth > DEEPEST:
            raise SuiteError("expression.deep", most=DEEPEST)
        value = self._read_sign()
        self._depth -= 1
        if sign == "not":
            return float(not value)
        return -value if sign == "-" else value

    def _read_power(self) -> float:
        value = self._read_value()
        # math.pow: a root of a negative number is an error there, not a complex number.
        return math.pow(value, self._read_sign()) if self._take("^") else value

    def _read_value(self) -> float:
        token = self._peek()
        self._position += 1
        if token == "(":  # noqa: S105  # nosec B105 (no password)
            value = self.read_choice()
            self._expect(")")
            return value
        if token[:1].isdigit() or token[:1] == ".":
            return float(token)
        if self._peek() == "(" and token.isidentifier():
            return self._call(token)
        if token in self._values:
            return self._values[token]
        if token in CONSTANTS:
            return CONSTANTS[token]
        raise SuiteError("expression.name", name=token or "the end")

    def _call(self, name: str) -> float:
        function = FUNCTIONS.get(name)
        if function is None:
            raise SuiteError("expression.function", name=name, known=", ".join(sorted(FUNCTIONS)))
        self._expect("(")
        arguments = [self.read_choice()]
        while self._take(","):
            arguments.append(self.read_choice())
        self._expect(")")
        return float(function(*arguments))
