"""SHA-224 and SHA-256 as SQL: the server has no sha224, and its sha256 gives wrong digests.

A recursive query goes over the message's blocks of 64 bytes, and inside of it another over the 64
rounds of each. SQL has neither XOR nor rotation: a rotation is a shift of the number written twice,
and x ^ y ^ z is x + y + z less twice the carries. The state goes from block to block as text, ten
decimal digits for each of its eight numbers.

Source: FIPS 180-4, sections 4.1.2, 5.1.1, 6.2.
"""

from collections.abc import Iterable
from functools import lru_cache
from math import isqrt
from typing import Final, Literal

__all__ = ["sha2_sql"]

MASK: Final = 0xFFFFFFFF  # sums are modulo 2**32; SQL's integers have 64 bits
DIGITS: Final = 10  # decimal digits of the largest number of 32 bits
BLOCK_HEX: Final = 128  # hexadecimal digits of a block
WORD_HEX: Final = 8
STATE: Final = "abcdefgh"
WORDS: Final = tuple(f"w{number}" for number in range(16))


def sha2_sql(operand_sql: str, *, bits: Literal[224, 256]) -> str:
    """Return an expression for the digest of a text: lower-case hexadecimal, NULL for NULL.

    Args:
        operand_sql: SQL of the text, whose UTF-8 bytes are meant; it comes once.
        bits: length of the digest.
    """
    return _template(bits).replace("{operand}", operand_sql)


@lru_cache(maxsize=2)
def _template(bits: int) -> str:
    words = bits // 32  # SHA-224's digest leaves out the last of the state's eight numbers
    digest = ", ".join(_number("s_s", index) for index in range(words))
    form = "%%08x" * words  # % is doubled since Django formats the SQL
    # s_x: the text as hexadecimal digits. s_m: those padded, and the number of blocks. s_b: the
    # state after each block. MATERIALIZED keeps the planner from computing them again in each row.
    return (
        "(WITH RECURSIVE "
        "s_x(h) AS MATERIALIZED (SELECT CASE WHEN s_t IS NOT NULL THEN HEX(s_t) END FROM "
        "(SELECT CAST({operand} AS TEXT) AS s_t)), "
        "s_m(m, n) AS MATERIALIZED (SELECT "
        f"h || '80' || HEX(ZEROBLOB({_padding('h')})) || PRINTF('%%016X', LENGTH(h) * 4), "
        f"(LENGTH(h) / 2 + 8) / 64 + 1 FROM s_x), "
        f"s_b(i, s_s) AS (SELECT 0, '{_initial(bits)}' UNION ALL "
        f"SELECT i + 1, ({_block()}) FROM s_b, s_m WHERE i < n) "
        f"SELECT CASE WHEN m IS NOT NULL THEN PRINTF('{form}', {digest}) END "
        "FROM s_b, s_m WHERE i = n OR (m IS NULL AND i = 0))"
    )


def _padding(hexadecimal: str) -> str:
    """Return how many zero bytes come between the 0x80 and the length."""
    # Text, the byte 0x80, zeros and 8 bytes of length fill whole blocks: 64 + 55 - length, mod 64.
    return f"(119 - LENGTH({hexadecimal}) / 2 %% 64) %% 64"


def _block() -> str:
    """Return the query that takes the state over one block, from the state `s_s` before it."""
    words = ", ".join(_word(WORD_HEX * index) for index in range(16))
    before = ", ".join(_number("s_s", index) for index in range(8))
    columns = ", ".join(("t", *WORDS, *STATE))
    sums = []
    for index, name in enumerate(STATE):
        total = f"({name} + {_number('s_s', index)}) & {MASK}"
        sums.append(f"PRINTF('%%010d', {total})")
    added = " || ".join(sums)
    return (
        "WITH RECURSIVE "
        f"s_k(k) AS MATERIALIZED (SELECT SUBSTR(m, i * {BLOCK_HEX} + 1, {BLOCK_HEX})), "
        f"s_r({columns}) AS (SELECT 0, {words}, {before} FROM s_k UNION ALL "
        f"SELECT {_round()} FROM s_r WHERE t < 64) SELECT {added} FROM s_r WHERE t = 64"
    )


def _round() -> str:
    """Return the columns of the next round: its number, the window of words, the state."""
    # Of the 64 words only the last 16 are ever read: the window moves on by one each round.
    window = [*WORDS[1:], f"(w0 + {_small(1, 7, 18, 3)} + w9 + {_small(14, 17, 19, 10)}) & {MASK}"]
    constant = f"CAST(SUBSTR('{_constants()}', t * {DIGITS} + 1, {DIGITS}) AS INTEGER)"
    choice = f"(e & f) + (~e & g & {MASK})"
    first = f"h + {_big('e', 6, 11, 25)} + {choice} + {constant} + w0"
    second = f"{_big('a', 2, 13, 22)} + ((a & b) | (a & c) | (b & c))"
    state = [f"({first} + {second}) & {MASK}", "a", "b", "c", f"(d + {first}) & {MASK}"]
    return ", ".join(("t + 1", *window, *state, "e", "f", "g"))


def _rotated(name: str, places: int) -> str:
    # SQL's >> brings the sign in from the left, beyond the 32 bits that the mask keeps.
    return f"((({name} << 32) | {name}) >> {places} & {MASK})"


def _exclusive(x: str, y: str, z: str) -> str:
    return f"({x} + {y} + {z} - 2 * (({x} & {y}) | ({z} & ({x} | {y}))))"


def _big(name: str, *places: int) -> str:
    return _exclusive(*(_rotated(name, number) for number in places))


def _small(word: int, first: int, second: int, shifted: int) -> str:
    name = f"w{word}"
    return _exclusive(_rotated(name, first), _rotated(name, second), f"({name} >> {shifted})")


def _word(start: int) -> str:
    """Return the 32-bit number that eight hexadecimal digits of the block are."""
    digits = []
    for index in range(WORD_HEX):
        # The server has no function from hexadecimal to a number; INSTR gives 0 for the digit 0.
        value = f"INSTR('123456789ABCDEF', SUBSTR(k, {start + index + 1}, 1))"
        digits.append(f"({value} << {28 - 4 * index})")
    return f"({' | '.join(digits)})"


def _number(text: str, index: int) -> str:
    return f"CAST(SUBSTR({text}, {index * DIGITS + 1}, {DIGITS}) AS INTEGER)"


def _constants() -> str:
    """Return the 64 round constants: fractions of the cube roots of the first primes."""
    return _decimal(_cube_root_fraction(prime) for prime in _primes(64))


def _initial(bits: int) -> str:
    """Return the state before the first block: fractions of the square roots of primes."""
    if bits == 256:
        return _decimal(isqrt(prime << 64) & MASK for prime in _primes(8))
    # SHA-224: the second 32 bits behind the point, of the next eight primes (FIPS 180-4, 5.3.2).
    return _decimal(isqrt(prime << 128) & MASK for prime in _primes(16)[8:])


def _cube_root_fraction(prime: int) -> int:
    """Return the first 32 bits behind the point of the cube root."""
    # By halving: a float has 53 bits, and the answer must be exact to its last one.
    scaled, low, high = prime << 96, 0, 1 << 40
    while high - low > 1:
        middle = (low + high) // 2
        if middle**3 <= scaled:
            low = middle
        else:
            high = middle
    return low & MASK


def _primes(number: int) -> list[int]:
    primes: list[int] = []
    candidate = 2
    while len(primes) < number:
        if all(candidate % prime for prime in primes):
            primes.append(candidate)
        candidate += 1
    return primes


def _decimal(numbers: Iterable[int]) -> str:
    return "".join(f"{number:0{DIGITS}d}" for number in numbers)
