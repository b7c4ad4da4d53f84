"""What is written is read back the same by AutoForge, by a real shell and by Compose's rules."""

import os
import string
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoforge.environment.files import read_variables
from autoforge.operations.env_files.errors import UnsupportedValueError
from autoforge.operations.env_files.quoting import find_unquotable, quote_for_file
from tests.support.compose_env_files import read_env_file

FORMS = [
    ("", ""),
    ("plain", "plain"),
    ("libsql://a-b.turso.io:443/x,y=@%+_", "libsql://a-b.turso.io:443/x,y=@%+_"),
    ("two words", "'two words'"),
    (" at the ends ", "' at the ends '"),
    ("a$b", "'a$b'"),
    ("$HOME", "'$HOME'"),
    ("${HOME}", "'${HOME}'"),
    ("$(id)", "'$(id)'"),
    ("`id`", "'`id`'"),
    ("#hash", "'#hash'"),
    ("a #b", "'a #b'"),
    ("~", "'~'"),
    ("a:~", "'a:~'"),
    ('say "hi"', "'say \"hi\"'"),
    ('"quoted"', '"\\"quoted\\""'),
    ('"', '"\\""'),
    ("it's", '"it\'s"'),
    ("'", '"\'"'),
    ("'$5'", "\"'\\$5'\""),
    ("a\\nb", "'a\\nb'"),
    ("a\\", '"a\\\\"'),
    ("'\\n\\0101\\\\", '"\'\\\\n\\\\0101\\\\\\\\"'),
    ("tab\there", "'tab\there'"),
    ("評価 é 🙂", "'評価 é 🙂'"),
    ("!history;&|<>()[]{}*?", "'!history;&|<>()[]{}*?'"),
]


def read_with_shell(path: Path, name: str) -> str:
    """Return what a POSIX shell has in the variable once it has read the file."""
    script = '. "$1"; printf %s "$V"'
    command = ["sh", "-eu", "-c", script, "sh", str(path)]
    done = subprocess.run(
        command, capture_output=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    assert done.stderr == b""
    return done.stdout.decode()


@pytest.mark.parametrize(("value", "written"), FORMS, ids=range(len(FORMS)))
def test_three_readers_see_the_same_value(tmp_path, value, written):
    assert quote_for_file(value) == written
    path = tmp_path / ".env"
    path.write_text(f"A=before\nV={written}\nB=behind\n", encoding="utf-8")
    ours = read_variables(path, ".env")
    assert ours == {"A": "before", "V": value, "B": "behind"}
    assert read_env_file(path.read_text(encoding="utf-8")) == ours
    assert read_with_shell(path, "V") == value


CHARACTERS = st.one_of(
    st.sampled_from(string.punctuation + " \t0ntx"),
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]),
)


@settings(max_examples=150, deadline=None)
@given(value=st.text(CHARACTERS, max_size=30))
def test_three_readers_see_any_value_the_same(tmp_path_factory, value):
    if find_unquotable(value):
        return
    path = tmp_path_factory.mktemp("any") / ".env"
    path.write_text(f"V={quote_for_file(value)}\n", encoding="utf-8")
    assert read_variables(path, ".env") == {"V": value}
    assert read_env_file(path.read_text(encoding="utf-8")) == {"V": value}
    assert read_with_shell(path, "V") == value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("a\nb", "a line break"),
        ("a\n", "a line break"),
        ("a\rb", "a line break"),
        ("a\u2028b", "a line break"),
        ("a\0b", "a control character"),
        ("a\x1bb", "a control character"),
        ("a\x7fb", "a control character"),
        ("it's `x`", "a backtick together with a quote or a backslash at its end"),
        ("`x\\", "a backtick together with a quote or a backslash at its end"),
        ('"`x`"', "a backtick together with a quote or a backslash at its end"),
    ],
)
def test_what_no_form_holds_is_refused_without_being_shown(value, reason):
    assert find_unquotable(value) == reason
    with pytest.raises(UnsupportedValueError) as refusal:
        quote_for_file(value)
    assert str(refusal.value) == (
        f"it contains {reason}, which AutoForge, a shell and Docker Compose do not read alike"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=b # c\n", "b"),
        ("A=b#c\n", "b#c"),
        ("A='b' # c\n", "b"),
        ("export A=b\n", "b"),
        ("# x\n\nA: b\n", "b"),
        ("A='Let\\'s go'\n", "Let's go"),
        ('A="a\\tb"\n', "a\tb"),
        ('A="\\0101"\n', "A"),
        ("A=$$HOME\n", "$HOME"),
    ],
)
def test_the_port_of_composes_reader_follows_its_manual(text, expected):
    assert read_env_file(text) == {"A": expected}
