"""The commands in the documents: each of ours is shown, and each line that is shown can be typed.

A line's arguments are read by the command's own parser; of a line with […] or …, the options alone.
"""

import argparse
import re
import shlex
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).resolve().parents[2]
OURS = {
    "autoforge",
    "autoforge.health",
    "core",
    "core.access",
    "core.events",
    "evaluations",
    "prompts",
}
PAGES = [
    *(ROOT / name for name in ("README.md", "README.ja.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINE = re.compile(r"(?:\.venv/bin/python )?(?:manage\.py|autoforge) ([a-z_]+)(.*)")
SYNOPSIS = re.compile(r"[\[\]<>…|]")
COMMANDS = get_commands()


def list_lines(path: Path) -> list[tuple[str, str]]:
    """Return the name and the arguments of each command in a page's code."""
    text = path.read_text(encoding="utf-8")
    blocks = [block.replace("\\\n", " ") for block in BLOCK.findall(text)]
    pieces = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    pieces += CODE.findall(BLOCK.sub("", text))
    matches = [LINE.fullmatch(piece.strip()) for piece in pieces]
    return [(match[1], match[2]) for match in matches if match]


SHOWN = sorted({(path.name, *line) for path in PAGES for line in list_lines(path)})


def list_options(parser: argparse.ArgumentParser) -> set[str]:
    """Return the options of a command and of its subcommands."""
    options = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                options |= list_options(subparser)
    return options


@pytest.mark.parametrize(("page", "name", "arguments"), SHOWN)
def test_a_line_that_is_shown_can_be_typed(page, name, arguments):
    parser = load_command_class(COMMANDS[name], name).create_parser("manage.py", name)
    if SYNOPSIS.search(arguments):
        options = set(re.findall(r"--[a-z-]+", arguments))
        assert options <= list_options(parser)
        return
    words = shlex.split(arguments, comments=True)
    if words:  # a bare name only speaks of the command
        parser.parse_args(words)


def test_every_command_of_ours_is_shown():
    ours = {name for name, app in COMMANDS.items() if app in OURS}
    assert sorted(ours - {name for _page, name, _arguments in SHOWN}) == []
