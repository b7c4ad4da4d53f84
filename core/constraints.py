"""Expressions for CHECK constraints that both databases evaluate alike."""

from django.db.models import CharField, F, Func, Q, Value
from django.db.models.lookups import Exact

__all__ = ["WHITESPACE", "is_json", "not_blank"]

# What str.isspace() calls space, so that the database refuses just what str.strip() would empty.
# SQL's TRIM(x) alone takes only U+0020 away.
WHITESPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def not_blank(field: str) -> Q:
    """Return the condition "`field` holds more than white space"."""
    # CHAR(9, 10, …) rather than the characters themselves: a schema that every tool can print.
    codes = [Value(ord(space)) for space in WHITESPACE]
    spaces = Func(*codes, function="CHAR")
    trimmed = Func(F(field), spaces, function="TRIM", output_field=CharField())
    return ~Q(Exact(trimmed, Value("")))


def is_json(field: str, kind: str) -> Q:
    """Return the condition "`field` holds a JSON document of that kind".

    `kind` is "array" or "object", as SQLite's json_type() says it.
    """
    type_of_value = Func(F(field), function="JSON_TYPE", output_field=CharField())
    return Q(Exact(type_of_value, Value(kind)))
