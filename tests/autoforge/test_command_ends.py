"""Every command of ours ends by one rule: its exit status, one sentence, one JSON document."""

import argparse
import gc
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, get_commands, load_command_class
from django.db import OperationalError

from autoforge import command_line
from autoforge.command_ending import asks_for_json, run_to_end
from core.errors import InvalidInputError
from core.exit_status import Terminated, describe_error
from core.sentences import Sentence
from tests.support.processes import wait_until_asleep

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"autoforge", "core", "evaluations", "prompts"}
OURS = sorted(name for name, app in get_commands().items() if str(app).split(".")[0] in PACKAGES)
BEFORE_SETTINGS = ("doctor", "env")
# What each command needs to begin, and how it ends where the database is not there.
WITHOUT_DATABASE = {
    ("api_key", "list"): 2,
    ("backup_database", "{folder}/backup.zst"): 1,  # documented: not written
    ("check_health",): 1,  # the answer: unhealthy
    ("copy_database", "{database}", "sqlite:///{folder}/copy.sqlite3"): 1,  # documented: not copied
    ("data_retention",): 2,
    ("database_info",): 2,
    ("doctor", "--only", "database"): 1,  # the answer: something is wrong
    ("evaluate", "--suite", "s", "--prompt", "p", "--provider", "echo"): 4,  # documented
    ("export_prompts", "{folder}/prompts.csv"): 2,
    ("export_suite", "s"): 2,
    ("import_prompts", "{folder}/input.csv"): 2,
    ("import_suite", "{folder}/suite.csv", "--assert", "exact"): 2,
    ("load_demo",): 2,
    ("mcp",): 2,
    ("migration_status",): 2,
    ("open_login", "somebody"): 2,
    ("purge_prompts",): 2,
    ("render_prompt", "p"): 2,
    ("runs", "list"): 2,
    ("sync_roles",): 2,
    ("webhooks", "list"): 2,
}
# These make a database, need none, or read another one than that of the environment.
NO_DATABASE_NEEDED = {
    "env",
    "health_token",
    "migrate_safely",
    "restore_database",
    "run_huey",
    "show_environment",
    "turso",
    "verify_backup",
}


def start(arguments: Sequence[str], env: dict[str, str], **options: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"AUTOFORGE_API_KEY": "af_nobody"} | env,
        text=True,
        **options,
    )


def run(arguments: Sequence[str], **env: str) -> tuple[int, str, str]:
    process = start(arguments, env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in out + err, arguments
    return process.returncode, out, err


def main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run a command in this process as `manage.py` does."""
    threshold = gc.get_threshold()
    monkeypatch.setattr("atexit.register", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["manage.py", *arguments])
    try:
        return command_line.main()
    finally:
        gc.set_threshold(*threshold)


def json_option(command: str) -> list[str]:
    return ["--output" if command in ("import_prompts", "export_prompts") else "--format", "json"]


def takes_json(parser: argparse.ArgumentParser) -> bool:
    choices: list[object] = []
    parsers = [parser]
    for each in parsers:
        for action in each._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
            elif {"--format", "--output"} & set(action.option_strings):
                choices += action.choices or ()
    return "json" in choices


def read_error(out: str, status: int) -> dict:
    document = json.loads(out)
    assert set(document) == {"error"}
    error = document["error"]
    assert error["exit_status"] == status
    assert re.fullmatch(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", error["code"])
    return error


def test_the_tables_name_every_command():
    named = {words[0] for words in WITHOUT_DATABASE} | NO_DATABASE_NEEDED
    assert named == set(OURS)


@pytest.mark.parametrize("command", [name for name in OURS if name not in BEFORE_SETTINGS])
def test_a_wrong_environment_is_2(command):
    status, out, err = run([command, *json_option(command)], PORT="abc")
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith("Configuration error: PORT is 'abc'")
    error = read_error(out, 2)
    assert (error["code"], error["message"]) == ("environment.invalid", err[21:].rstrip())


def test_what_looks_at_a_wrong_environment_gives_its_answer():
    status, out, err = run(["doctor", "--format", "json"], PORT="abc")
    assert (status, err) == (1, "")
    assert json.loads(out)["status"] == "unhealthy"
    status, out, err = run(
        ["env", "check", "staging", "--template", "--format", "json"], PORT="abc"
    )
    assert (status, err) == (0, "")
    assert json.loads(out)["problems"] == []


@pytest.mark.parametrize("command", OURS)
def test_an_unknown_option_is_2(command, monkeypatch, capsys):
    arguments = [command, "--no-such-option", *json_option(command)]
    assert main(monkeypatch, *arguments) == 2
    out, err = capsys.readouterr()
    assert err.startswith("usage: ")
    error = read_error(out, 2)
    assert error["code"] == "command.usage"
    assert err.endswith(f": error: {error['message']}\n")


@pytest.mark.parametrize("words", WITHOUT_DATABASE, ids=lambda words: words[0])
def test_a_database_that_is_not_there(words, tmp_path):
    expected = WITHOUT_DATABASE[words]
    (tmp_path / "input.csv").write_text("title,content\nA,B\n")
    (tmp_path / "suite.csv").write_text("question,expected\na,b\n")
    url = f"sqlite:///{tmp_path}/gone/none.sqlite3"
    arguments = [word.format(folder=tmp_path, database=url) for word in words]
    command = load_command_class(get_commands()[words[0]], words[0])
    has_json = takes_json(command.create_parser("manage.py", words[0]))
    if has_json:
        arguments += json_option(words[0])
    status, out, err = run(arguments, DATABASE_URL=url)
    assert status == expected, err
    assert not (tmp_path / "gone").exists()
    if not has_json or not err:  # the document is the answer
        return
    error = json.loads(out)["error"]
    assert error["exit_status"] == expected
    assert error["message"].removesuffix(" Nothing was imported.").rstrip(".") in err


def test_an_unknown_command_is_2():
    status, out, err = run(["no_such_command", "--format", "json"])
    assert status == 2
    assert err.startswith("Unknown command: 'no_such_command'")
    assert read_error(out, 2)["message"] == "There is no command 'no_such_command'."


# --- Signals and readers -------------------------------------------------------------------------

# The others answer an input that is not there, or catch the signal to tell more.
STOPPABLE = [words for words in WITHOUT_DATABASE if words[0] not in ("mcp", "doctor", "evaluate")]
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}


def stop(words: Sequence[str], number: signal.Signals, folder: Path) -> tuple[int, str, str]:
    """Start a command on a server that takes its question and never answers, and signal it."""
    (folder / "input.csv").write_text("title,content\nA,B\n")
    (folder / "suite.csv").write_text("question,expected\na,b\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        arguments = [word.format(folder=folder, database=url) for word in words]
        process = start(
            arguments, {"DATABASE_URL": url}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        silent.settimeout(60)
        connection, _address = silent.accept()
        with connection:
            connection.recv(1)  # it asks
            wait_until_asleep(process.pid)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.once
@pytest.mark.parametrize("words", STOPPABLE, ids=lambda words: words[0])
def test_ctrl_c_while_the_database_does_not_answer(words, tmp_path):
    status, out, err = stop(words, signal.SIGINT, tmp_path)
    assert (status, out) == (130, ""), err
    assert err.count("\n") == 1, err


@pytest.mark.once
@pytest.mark.parametrize("words", [("data_retention", "--format", "json")], ids=["data_retention"])
def test_sigterm_while_the_database_does_not_answer(words, tmp_path):
    status, out, err = stop(words, signal.SIGTERM, tmp_path)
    assert (status, err) == (143, "Stopped by SIGTERM.\n")
    assert read_error(out, 143)["code"] == "command.terminated"


@pytest.mark.once
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_migration_that_is_stopped_reports_it(number, tmp_path):
    status, out, _err = stop(["migrate_safely", "--format", "json"], number, tmp_path)
    report = json.loads(out)
    kind = "interrupted" if number == signal.SIGINT else "terminated"
    assert (status, report["outcome"], report["exit_status"]) == (SIGNALS[number], kind, status)
    assert report["error"]["code"] == f"migration.{kind}"


@pytest.mark.once
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_an_import_that_is_stopped_reports_it(number, tmp_path):
    words = ["import_prompts", "{folder}/input.csv", "--output", "json"]
    status, out, err = stop(words, number, tmp_path)
    assert (status, err) == (SIGNALS[number], "CommandError: Stopped. Nothing was imported.\n")
    error = json.loads(out)["error"]
    kind = "interrupted" if number == signal.SIGINT else "terminated"
    assert (error["code"], error["exit_status"]) == (f"command.{kind}", status)


def run_without_reader(*arguments: str, **env: str) -> tuple[int, str]:
    """Run a command whose reader has gone, as `head` does."""
    reader, writer = os.pipe()
    os.close(reader)
    process = start(arguments, env, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    err = process.communicate(timeout=120)[1]
    return process.returncode, err


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["check_health", "--probe", "database"], 1),
        (["check_health", "--probe", "disk"], 0),
        (["doctor", "--only", "database"], 1),
        (["show_environment", "--format", "json"], 0),
        (["env", "diff", "staging", "production", "--format", "json"], 2),
        (["help"], 0),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else str(value),
)
def test_a_reader_that_has_gone_changes_no_status(arguments, status, tmp_path):
    url = f"sqlite:///{tmp_path}/none.sqlite3"
    ended, err = run_without_reader(*arguments, DATABASE_URL=url)
    assert (ended, "Broken" in err, "Traceback" in err) == (status, False, False), err


@pytest.mark.once
def test_an_export_whose_reader_has_gone(tmp_path, migrated_file):
    url = f"sqlite:///{migrated_file}"
    assert run_without_reader("export_prompts", "-", "--format", "csv", DATABASE_URL=url) == (0, "")


@pytest.mark.once
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_answer_that_cannot_be_written_is_none():
    with Path("/dev/full").open("w") as full:
        process = start(["show_environment"], {}, stdout=full, stderr=subprocess.PIPE)
        err = process.communicate(timeout=60)[1]
    assert process.returncode == 2
    assert err == "Standard output cannot be written: No space left on device.\n"


# --- In this process -----------------------------------------------------------------------------


def refuse(error: BaseException) -> NoReturn:
    """End as Django ends a command that has raised CommandError."""
    try:
        raise error
    except CommandError as refused:
        sys.exit(refused.returncode)


def test_an_error_of_a_service_keeps_its_code_and_its_fields(capsys):
    problems = {"name": Sentence("prompt.missing", key="a"), "title": Sentence.verbatim("too long")}
    error = CommandError("no name", returncode=2)
    error.__cause__ = InvalidInputError(problems)
    assert run_to_end(["x", "--format", "json"], lambda: refuse(error)) == 2
    assert read_error(capsys.readouterr().out, 2) == {
        "code": "input.invalid",
        "message": "no name",
        "exit_status": 2,
        "errors": [
            {"field": "name", "detail": str(problems["name"]), "code": "prompt.missing"},
            {"field": "title", "detail": "too long"},
        ],
    }


@pytest.mark.parametrize(
    ("error", "status", "code", "line"),
    [
        (CommandError("no"), 1, "command.failed", ""),
        (CommandError("no", returncode=2), 2, "command.invalid", ""),
        (CommandError("stopped", returncode=130), 130, "command.interrupted", ""),
        (SystemExit("gone"), 1, "command.failed", "gone\n"),
        (KeyboardInterrupt(), 130, "command.interrupted", "Interrupted.\n"),
        (Terminated(), 143, "command.terminated", "Stopped by SIGTERM.\n"),
        (
            ModuleNotFoundError("No module named 'odd'", name="odd"),
            2,
            "environment.package",
            "The package odd is not installed for this Python; ",
        ),
        (ImproperlyConfigured("X is 1"), 2, "environment.invalid", "Configuration error: X is 1\n"),
        (OperationalError("odd"), 2, "database.refused", "Database error: odd; this is a bug in"),
        (ZeroDivisionError("x"), 2, "command.unexpected", "Traceback"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
@pytest.mark.django_db
def test_each_error_has_its_status_and_its_code(error, status, code, line, capsys):
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        assert run_to_end(["x", "--format", "json"], lambda: refuse(error)) == status
    finally:
        signal.signal(signal.SIGINT, interrupt)
    out, err = capsys.readouterr()
    assert read_error(out, status)["code"] == code
    assert err.startswith(line)


def test_who_has_written_an_answer_writes_no_second_one(capsys):
    def run() -> int:
        sys.stdout.write('{"healthy": false}')
        return 1

    assert run_to_end(["x", "--format", "json"], run) == 1
    assert json.loads(capsys.readouterr().out) == {"healthy": False}


def test_sigterm_closes_what_is_open(capsys):
    closed = []

    def run() -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        finally:
            closed.append(True)
        return 0

    before = signal.getsignal(signal.SIGTERM)
    assert run_to_end(["x"], run) == 143
    assert (closed, signal.getsignal(signal.SIGTERM)) == ([True], before)
    assert capsys.readouterr() == ("", "Stopped by SIGTERM.\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], False),
        (["x"], False),
        (["x", "--format", "json"], True),
        (["x", "--format=json"], True),
        (["x", "--form", "json"], True),
        (["x", "--format", "json", "--format", "text"], False),
        (["x", "--", "--format", "json"], False),
        (["x", "--format"], False),
        (["x", "--formatting", "json"], False),
        (["import_prompts", "a.json", "--format", "json"], False),
        (["import_prompts", "a.json", "--output", "json"], True),
        (["export_prompts", "-", "--format", "csv", "--output", "json"], False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_json_is_asked_for(arguments, expected):
    assert asks_for_json(arguments) is expected


def test_a_name_that_is_no_utf_8_can_be_said():
    description = describe_error("command.failed", "a\udcff.csv", 2)
    assert json.dumps(description, ensure_ascii=False).encode()
