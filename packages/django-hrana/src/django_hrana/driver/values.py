"""Python values to Hrana values and back. No messages and no sockets here.

| Python | Hrana | and back |
|---|---|---|
| None, NaN | null | None |
| bool, int within 64 bits | integer | int |
| float | float, or a literal in the SQL where JSON would change it | float |
| str, Decimal, date, time, datetime | text | str |
| bytes, bytearray, memoryview | blob | bytes |

Columns with a declared type go through a converter where the connection has one.

Source: Hrana 3 specification, "Values"; sqlite3's adapters for dates and decimals.
"""

import base64
import binascii
import datetime as dt
import decimal
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct

from django_hrana.driver.errors import DataError, InterfaceError, ProgrammingError

__all__ = [
    "Blob",
    "Cell",
    "Column",
    "Converter",
    "Float",
    "Integer",
    "Literal",
    "Null",
    "Text",
    "UnsignedInfinityError",
    "decode_rows",
    "encode",
]

Converter = Callable[[object], object]

INTEGER_LIMIT: Final = 1 << 63  # the server answers 400 to the whole request beyond it
SHORT: Final = 16  # characters: at most 15 digits and a point, which every parser reads exactly
LARGEST_POWER: Final = 308  # of ten, in a 64-bit float
LARGEST_SHIFT: Final = 62  # a power of two that is still an integer to the server


class Null(Struct, tag_field="type", tag="null", omit_defaults=True, gc=False, frozen=True):
    """SQL's NULL."""

    value: None = None


class Integer(Struct, tag_field="type", tag="integer", gc=False):
    """A 64-bit integer; as text, for JSON's numbers are only exact to 53 bits."""

    value: str


class Float(Struct, tag_field="type", tag="float", gc=False):
    """A 64-bit float; JSON has no infinity, which the server sends as null."""

    value: float | None


class Text(Struct, tag_field="type", tag="text", gc=False):
    """Unicode text."""

    value: str


class Blob(Struct, tag_field="type", tag="blob", gc=False):
    """Bytes, in base64 with or without padding."""

    base64: str


class Literal(Struct, gc=False):
    """A number that only SQL can carry to the server: it takes the place of its parameter."""

    sql: str


class UnsignedInfinityError(DataError):
    """A number in a result is infinite, and its sign is not known."""


Cell = Null | Integer | Float | Text | Blob


class Column(Struct, frozen=True):
    """A column of a result."""

    name: str | None = None
    decltype: str | None = None

    @property
    def type_name(self) -> str:
        """Declared type in lower case without its length: "varchar(20)" is "varchar"."""
        return "" if self.decltype is None else _first_word(self.decltype)  # None: an expression's


@lru_cache(maxsize=1024)
def _first_word(decltype: str) -> str:
    name, _, _length = decltype.partition("(")
    first_word, _, _rest = name.partition(" ")
    return first_word.lower()


BEYOND_64_BITS: Final = "integer beyond 64 bits"
UNSIGNED_INFINITY: Final = (
    "a value in the result is infinite, and the server does not send its sign: read it with "
    "CAST(… AS TEXT)"
)
NULL: Final = Null()
POSITIVE_INFINITY: Final = Literal("9e999")
NEGATIVE_INFINITY: Final = Literal("(-9e999)")


def encode(value: object) -> Cell | Literal:
    """Return `value` as the server takes it.

    Raises:
        DataError: an integer beyond 64 bits, or text that is not Unicode.
        ProgrammingError: a type that no database value stands for.
    """
    encoder = ENCODERS.get(type(value))
    if encoder is not None:
        return encoder(value)
    for kind, encoder in ENCODERS.items():
        if isinstance(value, kind):
            return encoder(value)
    raise ProgrammingError(
        f"type {type(value).__name__} is not supported as a parameter: use None, a number, text, "
        "bytes, a date or a decimal"
    )


def _encode_integer(value: int) -> Cell:
    if not -INTEGER_LIMIT <= value < INTEGER_LIMIT:
        raise DataError(
            "an integer is too large: the database stores 64 bits, from -9223372036854775808 to "
            "9223372036854775807"
        )
    return Integer(str(int(value)))


def _encode_float(value: float) -> Cell | Literal:
    if math.isnan(value):
        return NULL  # as SQLite does
    if not math.isfinite(value):
        # JSON has no infinity. SQL has none either, but a number that overflows becomes it.
        return POSITIVE_INFINITY if value > 0 else NEGATIVE_INFINITY
    number = float(value)
    text = repr(number)
    is_short = len(text) <= SHORT and "e" not in text
    if is_short or _as_read(text) == number:
        return Float(number)
    return Literal(_exact(number))


def _exact(number: float) -> str:
    """Return SQL for a number to its last bit: an integer times, or by, powers of two.

    Its decimal digits would not do: of numbers far from one, SQLite reads one in some ten thousand
    as the next float.
    """
    fraction, exponent = math.frexp(number)
    integer = int(math.ldexp(fraction, sys.float_info.mant_dig))
    exponent -= sys.float_info.mant_dig
    zeros = (integer & -integer).bit_length() - 1  # those at the end, in binary
    integer >>= zeros
    exponent += zeros
    sign = "*" if exponent > 0 else "/"
    whole_shifts, remaining_shift = divmod(abs(exponent), LARGEST_SHIFT)
    sql = f"{integer}.0"
    sql += f"{sign}{1 << LARGEST_SHIFT}" * whole_shifts
    sql += f"{sign}{1 << remaining_shift}"
    return f"({sql})"


def _as_read(text: str) -> float:
    """Return what the server's JSON parser makes of a number: often not the nearest float.

    It takes the digits for an integer, and multiplies or divides that, as a float, by a power of
    ten, as a float. Of numbers with 16 or 17 digits one in ten gets its last bit wrong.
    """
    digits, _, exponent = text.partition("e")
    whole, _, fraction = digits.partition(".")
    power = int(exponent or 0) - len(fraction)
    number = float(int(whole + fraction))
    if power < -LARGEST_POWER:
        number /= 1e308
        power += LARGEST_POWER
    if power < 0:
        return number / float(f"1e{-power}")
    return number * float(f"1e{power}")


def _encode_text(value: str) -> Cell:
    text = str.__str__(value)
    if not text.isascii():
        _refuse_surrogates(text)
    return Text(text)


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"a text contains half of a surrogate pair at position {error.start + 1}, which is "
            "not a character: the database only stores valid Unicode"
        ) from None


def _encode_blob(value: bytes | bytearray | memoryview) -> Cell:
    return Blob(base64.b64encode(value).decode())


def _encode_datetime(value: dt.datetime) -> Cell:
    # With a blank, as SQLite's own date functions write it, and as Django stores it.
    return Text(value.isoformat(" "))


def _encode_date(value: dt.date | dt.time) -> Cell:
    return Text(value.isoformat())


# In this order for subclasses: bool is an int, datetime a date.
ENCODERS: Final[dict[type, Callable[[Any], Cell | Literal]]] = {
    type(None): lambda _value: NULL,
    str: _encode_text,
    bool: _encode_integer,
    int: _encode_integer,
    float: _encode_float,
    bytes: _encode_blob,
    bytearray: _encode_blob,
    memoryview: _encode_blob,
    dt.datetime: _encode_datetime,
    dt.date: _encode_date,
    dt.time: _encode_date,
    decimal.Decimal: lambda value: Text(str(value)),
}


def decode_rows(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    converters: Mapping[str, Converter],
) -> list[tuple[object, ...]]:
    """Return the rows as tuples of Python values.

    Raises:
        DataError: a cell holds infinity, whose sign the server does not send.
        InterfaceError: the rows are not as long as the columns say, or a cell is not valid.
    """
    if not rows:
        return []
    if set(map(len, rows)) != {len(columns)}:
        raise InterfaceError("the server sent rows that do not fit their columns")
    if not columns:
        return [()] * len(rows)
    conversions = [converters.get(column.type_name) for column in columns]
    try:
        if len(rows) <= FEW_ROWS:
            return [_decode_row(row, conversions) for row in rows]
        # A column at a time: most hold one kind of cell, which takes one pass without a decision.
        decoded = map(_decode_column, zip(*rows, strict=True), conversions)
        return list(zip(*decoded, strict=True))
    except (ValueError, binascii.Error) as error:
        raise InterfaceError("the server sent a value that is not valid") from error


# Up to here, what a column takes before its first cell is more than what the decisions take.
FEW_ROWS: Final = 5


def _decode_row(row: Sequence[Cell], conversions: Sequence[Converter | None]) -> tuple[object, ...]:
    values = []
    for cell, converter in zip(row, conversions, strict=True):
        value = DECODERS[type(cell)](cell)
        if converter is not None and value is not None:
            value = converter(value)
        values.append(value)
    return tuple(values)


AS_THEY_ARE: Final = frozenset({Text, Null})
INTEGERS: Final = frozenset({Integer, Null})


def _decode_column(cells: Sequence[Any], converter: Converter | None) -> Sequence[object]:
    kinds = set(map(type, cells))
    values: Sequence[object]
    if kinds <= AS_THEY_ARE:
        values = [cell.value for cell in cells]
    elif kinds == {Integer}:
        values = _decode_integers(cells)
    elif kinds == {Float}:
        values = [cell.value for cell in cells]
        if None in values:
            raise UnsignedInfinityError(UNSIGNED_INFINITY)
    elif kinds == INTEGERS:
        integers = iter(_decode_integers([cell for cell in cells if type(cell) is Integer]))
        values = [None if type(cell) is Null else next(integers) for cell in cells]
    else:
        values = [DECODERS[type(cell)](cell) for cell in cells]
    if converter is None:
        return values
    if Null in kinds:
        return [None if value is None else converter(value) for value in values]
    return list(map(converter, values))


def _decode_integers(cells: Sequence[Any]) -> list[int]:
    values = list(map(int, [cell.value for cell in cells]))
    if not -INTEGER_LIMIT <= min(values) <= max(values) < INTEGER_LIMIT:
        raise ValueError(BEYOND_64_BITS)
    return values


def _decode_integer(cell: Integer) -> int:
    value = int(cell.value)
    if not -INTEGER_LIMIT <= value < INTEGER_LIMIT:
        raise ValueError(BEYOND_64_BITS)
    return value


def _decode_float(cell: Float) -> float:
    if cell.value is None:
        raise UnsignedInfinityError(UNSIGNED_INFINITY)
    return cell.value


def _decode_blob(cell: Blob) -> bytes:
    # The server leaves out the padding, which Python asks for.
    padding = "=" * (-len(cell.base64) % 4)
    return base64.b64decode(cell.base64 + padding, validate=True)


DECODERS: Final[dict[type, Callable[[Any], Any]]] = {
    Null: lambda _cell: None,
    Integer: _decode_integer,
    Float: _decode_float,
    Text: attrgetter("value"),
    Blob: _decode_blob,
}
