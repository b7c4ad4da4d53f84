"""Functions whose SQL differs from Django's for SQLite.

Dates are `operations`' business; `aggregates` and `patterns` have what their names say.
"""

from typing import Any, Final

from django.db.models import functions
from django.db.models.expressions import DurationExpression, Func
from django.db.models.fields.tuple_lookups import TupleIn

from django_hrana import sha2
from django_hrana.durations import compile_duration
from django_hrana.implementations import Compiled, implements, known
from django_hrana.tuples import compile_tuple_in

__all__ = ["uuid4", "uuid7"]

# Of a UUID: the digit whose upper two bits are 10, and its lower two are random.
VARIANT: Final = "SUBSTR('89AB', 1 + (RANDOM() & 3), 1)"


implements(TupleIn)(compile_tuple_in)


def _operands(node: Any, compiler: Any) -> tuple[list[str], list[object]]:
    operands: list[str] = []
    params: list[object] = []
    for expression in node.get_source_expressions():
        sql, values = compiler.compile(expression)
        operands.append(sql)
        params += values
    return operands, params


@implements(DurationExpression)
def _duration(node: Any, compiler: object, connection: Any) -> Compiled:
    connection.ops.check_expression_support(node)
    return compile_duration(node, compiler)


@implements(functions.Random)
def _random(_node: object, _compiler: object, _connection: object) -> Compiled:
    """From 0 to below 1, of 53 random bits: as many as a float holds."""
    # 2**53 - 1 keeps the lower 53 of RANDOM()'s 64 bits, and drops its sign.
    return "((RANDOM() & 9007199254740991) / 9007199254740992.0)", []


@implements(*known(functions, "UUID4"))
def uuid4(_node: object, _compiler: object, _connection: object) -> Compiled:
    """122 random bits, the version and the variant, as Django stores a UUID: RFC 9562, 5.4."""
    # Not one blob taken apart in a subquery: SQLite would compute that once for all rows.
    version = f"'4' || {_random_digits(3)}"
    return f"LOWER(HEX(RANDOMBLOB(6)) || {version} || {VARIANT} || {_random_digits(15)})", []


@implements(*known(functions, "UUID7"))
def uuid7(node: object, compiler: object, _connection: object) -> Compiled:
    """The milliseconds since 1970, then random bits, in the same form: RFC 9562, 5.7.

    All rows of a statement have the same time, and so no order among themselves.
    """
    # Not UNIXEPOCH's "subsec", which only newer servers know.
    now = "UNIXEPOCH('now') * 1000 + SUBSTR(STRFTIME('%%f', 'now'), 4)"
    rest = f"'7' || {_random_digits(3)} || {VARIANT} || {_random_digits(15)}"
    shifts, params = _operands(node, compiler)
    if not shifts:
        return f"LOWER(PRINTF('%%012x', {now}) || {rest})", []
    (shift,) = shifts  # a duration, in microseconds
    time = f"PRINTF('%%012x', {now} + {shift} / 1000 & 281474976710655)"  # the lower 48 bits
    return f"(CASE WHEN {shift} IS NOT NULL THEN LOWER({time} || {rest}) END)", [*params, *params]


def _random_digits(number: int) -> str:
    """Return SQL of an odd number of random hexadecimal digits."""
    return f"SUBSTR(HEX(RANDOMBLOB({(number + 1) // 2})), 2)"


@implements(functions.Cot)
def _cot(node: Any, compiler: Any, _connection: object) -> Compiled:
    # SQLite's mathematics has no COT.
    compiled: Compiled = compiler.compile_for_sqlite(node, template="(1 / TAN(%(expressions)s))")
    return compiled


@implements(functions.MD5, functions.SHA1, functions.SHA384, functions.SHA512)
def _hash(node: Any, compiler: object, _connection: Any) -> Compiled:
    """The server's functions give a blob, and an empty one for NULL."""
    (operand,), params = _operands(node, compiler)
    return f"NULLIF(LOWER(HEX({node.function}(CAST({operand} AS TEXT)))), '')", params


@implements(functions.SHA224, functions.SHA256)
def _sha2(node: Any, compiler: object, _connection: Any) -> Compiled:
    """The server has no sha224, and its sha256 is wrong."""
    (operand,), params = _operands(node, compiler)
    if node.function == "SHA224":
        return sha2.sha2_sql(operand, bits=224), params
    return sha2.sha2_sql(operand, bits=256), params


@implements(functions.JSONArray)
def _json_array(node: Any, compiler: Any, connection: Any) -> Compiled:
    """Django's, which would first ask the server whether it has JSON."""
    compiled: Compiled = Func.as_sql(node, compiler, connection)
    return compiled


@implements(functions.LPad, functions.RPad)
def _pad(node: Any, compiler: object, _connection: Any) -> Compiled:
    # The server's LPAD and RPAD raise an error for NULL, where Django expects NULL.
    (text, length, fill), params = _operands(node, compiler)
    # HEX(ZEROBLOB(n)) is '00' n times: replaced, the only way to repeat a text in the server's SQL.
    filled = "SUBSTR(REPLACE(HEX(ZEROBLOB(p_n)), '00', p_f), 1, p_n - LENGTH(p_t))"
    padded = f"{filled} || p_t" if node.function == "LPAD" else f"p_t || {filled}"
    return (
        "(SELECT CASE WHEN p_f IS NULL THEN NULL WHEN LENGTH(p_t) >= p_n "
        f"THEN SUBSTR(p_t, 1, p_n) ELSE {padded} END FROM "
        f"(SELECT {text} AS p_t, MAX(CAST({length} AS INTEGER), 0) AS p_n, {fill} AS p_f))"
    ), params


@implements(functions.Repeat)
def _repeat(node: object, compiler: object, _connection: object) -> Compiled:
    (text, count), params = _operands(node, compiler)
    return (
        "(SELECT CASE WHEN p_n IS NOT NULL THEN REPLACE(HEX(ZEROBLOB(p_n)), '00', p_t) END FROM "
        f"(SELECT {text} AS p_t, CAST({count} AS INTEGER) AS p_n))"
    ), params


@implements(functions.Reverse)
def _reverse(node: object, compiler: object, _connection: object) -> Compiled:
    # The server's REVERSE raises an error for NULL. The subquery names the operand, so that its
    # parameters come once.
    (text,), params = _operands(node, compiler)
    return (
        f"(SELECT CASE WHEN p_t IS NOT NULL THEN REVERSE(p_t) END FROM (SELECT {text} AS p_t))",
        params,
    )
