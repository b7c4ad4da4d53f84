"""What options of commands mean, and that no command answers with the name of a function."""

import argparse
from collections.abc import Iterator

import pytest
from django.core.management import get_commands, load_command_class

from core.option_types import number, whole_number

OURS = ("autoforge", "core", "prompts", "evaluations")
STRANGE = (
    "abc",
    "",
    " ",
    "nan",
    "-inf",
    "1e999",
    "-1",
    "0",
    "9" * 5000,
    "１２",
    "\0",
    "1.5",
    "1_0",
)


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (whole_number(), "12", 12),
        (whole_number(least=1), "1", 1),
        (number(), "0.5", 0.5),
        (number(least=0, most=9), "9", 9.0),
    ],
    ids=range(4),
)
def test_what_is_allowed(read, text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("read", "text", "sentence"),
    [
        (whole_number(), "abc", "must be a whole number, not 'abc'"),
        (whole_number(), "1.5", "must be a whole number, not '1.5'"),
        (whole_number(least=1), "0", "must be a whole number of at least 1, not '0'"),
        (whole_number(most=9), "10", "must be a whole number of at most 9, not '10'"),
        (whole_number(least=1, most=9), "10", "must be a whole number from 1 to 9, not '10'"),
        (number(), "nan", "must be a number, not 'nan'"),
        (number(), "inf", "must be a number, not 'inf'"),
        (number(unit="seconds"), "x", "must be a number of seconds, not 'x'"),
        (number(least=0, excludes_least=True), "0", "must be a number above 0, not '0'"),
        (
            number(least=0, most=600, unit="seconds", excludes_least=True),
            "0",
            "must be a number of seconds above 0 and at most 600, not '0'",
        ),
    ],
    ids=range(10),
)
def test_what_is_not(read, text, sentence):
    with pytest.raises(argparse.ArgumentTypeError) as refusal:
        read(text)
    assert str(refusal.value) == sentence


def list_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of a parser and of those below it."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from list_actions(below)


def list_commands() -> list[str]:
    return sorted(name for name, app in get_commands().items() if app.partition(".")[0] in OURS)


@pytest.mark.parametrize("name", list_commands())
def test_no_command_says_the_name_of_a_function(name):
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    for action in list_actions(parser):
        is_djangos = action.dest in {"verbosity", "pythonpath", "settings"}
        if action.type is None or is_djangos or action.choices:
            continue
        for text in STRANGE:
            sentence = refuse(action, text)
            assert len(sentence) < 200
            assert sentence == "" or repr(text)[1:6].strip("'") in sentence


def refuse(action: argparse.Action, text: str) -> str:
    """Return why a text is not allowed, empty where it is; no other error comes through."""
    try:
        action.type(text)  # type: ignore[operator]
    except argparse.ArgumentTypeError as refusal:
        return str(refusal)
    return ""


def test_every_command_was_looked_at():
    names = list_commands()
    assert {"doctor", "evaluate", "api_key", "run_huey", "runs", "purge_prompts"} <= set(names)
