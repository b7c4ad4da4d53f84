"""Regular expressions and SHA-2 as SQL, equal to Python's own."""

import hashlib
import re
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_hrana import driver
from django_hrana.regex import MAX_STATES, UnsupportedRegex, compile_regex
from django_hrana.sha2 import sha2_sql

PATTERNS = (
    *("", "abc", "^abc", "abc$", "^abc$", "a.c", "a*b", "(ab)+c", "[a-c]x", "[^a-c]x", r"\d+"),
    *(r"\w+\s\w+", r"\bfoo\b", r"\Bx", "(?i)straße", "(?s)a.b", "(?m)^b$", "a{2,3}", "a{2,}?b"),
    *("x|y|zz", "^$", r"\Aab\Z", "(?i)k", "(?i)[a-z]", r"(?a)\w", "(?ai)é", "(?i:ab)c", r"\W"),
    *(r"[\w-]+@[\w.]+", r"\S\D", "(?i)[^k]$", "(?i)µ", "(?i)ſ", "日本", "[ぁ-ん]+", r"(?a)\bé"),
    *("(?x) a  b # comment", "(a|b)*c", "(?:a?){3}a{3}", "😀", "%s", "100%"),
)
TEXTS = (
    *("", "abc", "xabcx", "ab\n", "abc\n", "a\nc", "aab", "ababc", "bx", "dx", "12", "foo bar"),
    *("xfoo", "STRASSE", "straße", "STRAẞE", "x\nb\ny", "aa", "aaaab", "zz", "K", "\u212a", "é"),
    *("É", "ABc", "me@x.org", "日本語", "ひらがな", "_", "μ", "µ", "S", "ſ", "a😀b", "e\u0301"),
    *(" ", "\x1c", "\u3000", "٣", "%s", "100%"),
)


@pytest.fixture(scope="module")
def local():
    connection = sqlite3.connect(":memory:")
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def remote(libsql_server):
    connection = driver.connect(libsql_server.url, autocommit=True)
    yield connection.cursor()
    connection.close()


def search(connection, pattern: str, text: str | None, *, ignore_case: bool = False) -> object:
    sql, params = compile_regex(pattern, ignore_case=ignore_case).sql("%s", (text,))
    query = f"SELECT {sql}".replace("%s", "?").replace("%%", "%")
    return connection.execute(query, params).fetchone()[0]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_equals_python(local, remote, pattern):
    for text in TEXTS:
        for ignore_case in (False, True):
            expected = bool(re.search(pattern, text, re.IGNORECASE if ignore_case else 0))
            found = search(local, pattern, text, ignore_case=ignore_case)
            assert bool(found) is expected, (text, ignore_case)
    text = "foo 日本 aab"
    assert bool(search(remote, pattern, text)) is bool(re.search(pattern, text))
    assert search(remote, pattern, None) is None


ALPHABET = "abkK\u212asSſß é日\n_1"
ATOMS = st.one_of(
    st.sampled_from(list("abkKs日é")),
    st.sampled_from([r"\d", r"\w", r"\s", r"\W", ".", "[a-k]", "[^ab]", r"[\Wb]", r"\b", "^", "$"]),
)
RANDOM = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("(?:{}){}".format, inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}?"])),
        st.builds("(?i:{})".format, inner),
    ),
    max_leaves=6,
)


@given(pattern=RANDOM, text=st.text(ALPHABET, max_size=6), ignore_case=st.booleans())
def test_random_patterns(local, pattern, text, ignore_case):
    expected = bool(re.search(pattern, text, re.IGNORECASE if ignore_case else 0))
    assert bool(search(local, pattern, text, ignore_case=ignore_case)) is expected


@pytest.mark.parametrize(
    ("pattern", "construct"),
    [
        (r"(a)\1", "backreferences"),
        ("a(?=b)", "lookahead or lookbehind"),
        ("(?<!a)b", "negative lookahead or lookbehind"),
        ("(a)?(?(1)b|c)", "conditions on groups"),
        ("a++", "possessive repeats"),
        ("(?>a)", "atomic groups"),
        (f"(?:abc){{{MAX_STATES}}}", "so many repeats"),
    ],
)
def test_what_is_not_regular_is_refused_by_name(pattern, construct):
    with pytest.raises(UnsupportedRegex, match=f"with {construct}.*filter in Python"):
        compile_regex(pattern)


def test_a_bad_pattern_is_pythons_error():
    with pytest.raises(re.error):
        compile_regex("(")


@pytest.mark.parametrize("bits", [224, 256])
@pytest.mark.parametrize(
    "text",
    ["", "abc", "日本語", *("a" * n for n in (55, 56, 63, 64, 65, 119, 120, 1000)), "é" * 3000],
)
def test_sha2(local, remote, bits, text):
    sql = f"SELECT {sha2_sql('?', bits=bits)}".replace("%%", "%")
    expected = hashlib.new(f"sha{bits}", text.encode()).hexdigest()
    assert local.execute(sql, (text,)).fetchone() == (expected,)
    assert remote.execute(sql, (text,)).fetchone() == (expected,)
    assert local.execute(sql, (None,)).fetchone() == (None,)
