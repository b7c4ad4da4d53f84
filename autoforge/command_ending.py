"""The end of every command: its exit status, one line for people, one JSON document for programs.

`run_to_end` stands around a command, whatever it raises. The statuses are in `core.exit_status`; a
command raises `CommandError` with one of them, or what its services raise.

With `--format json`, a command that fails before it has written anything to standard output writes
`{"error": {"code", "message", "exit_status"}}` there; one that has written is left alone, so that
programs always read one document. A reader that goes away, as `head` does, ends nothing: the rest
is not written, and the exit status is still the command's own answer.

It is loaded before Django, and where Django is missing.
"""

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from types import FrameType
from typing import Any, Final, TextIO, cast

from autoforge.packages import explain_missing, find_remedy
from core.exit_status import (
    INTERRUPTED,
    NO,
    NOT_ASKED,
    PERSON_NEEDED,
    TERMINATED,
    Terminated,
    describe_error,
    find_command_code,
)
from core.stopping import end_at_once

__all__ = ["Outlet", "asks_for_json", "run_to_end"]

# Their --format is that of a file; what they did is said in the form of --output.
FORM_OPTIONS: Final = {"import_prompts": "--output", "export_prompts": "--output"}
STANDARD_OUTPUT: Final = "-"
SHORTEST_OPTION: Final = 4  # argparse takes --fo for --format
USAGE_ERROR: Final = re.compile(r".*?: error: ", re.DOTALL)
COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
OUTCOME_UNKNOWN: Final = "database.outcome-unknown"  # a write that may have been done
CODE: Final = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How a command ended."""

    status: int
    """The exit status."""
    line: str = ""
    """What is still to be said to people; empty: it was said."""
    code: str = ""
    """What happened, for programs; empty: the command itself chose the status."""
    message: str = ""
    """What happened, in a sentence."""
    errors: tuple[dict[str, str], ...] = ()
    """One entry for each field that is wrong."""


class Outlet:
    """A standard stream that outlives its reader, and knows what was written.

    Attributes:
        is_used: whether anything was written, or may have been by who took the stream of bytes.
        last: the text that was written last.
        fault: why what was written is lost, such as a full disk; empty if it is not, or if only its
            reader has gone.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_used = False
        self.last = ""
        self.fault = ""

    def write(self, text: str) -> int:
        """Write; where that cannot be, do as if."""
        if text.strip():
            self.is_used = True
            self.last = text
        try:
            return self._stream.write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def writelines(self, texts: Iterable[str]) -> None:
        """Write one after the other."""
        for text in texts:
            self.write(text)

    def flush(self) -> None:
        """Flush; where that cannot be, do as if."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    @property
    def buffer(self) -> Any:
        """The stream of bytes below, which does raise BrokenPipeError."""
        self.is_used = True
        return self._stream.buffer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _give_up(self, error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):
            self.fault = error.strerror or str(error)
        # What the stream holds back has to go somewhere: Python flushes it once more at the end.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


def run_to_end(arguments: Sequence[str], run: Callable[[], int]) -> int:
    """Run a command, say what is left to say, and return its exit status.

    Args:
        arguments: the name of the command and what follows it.
        run: the command; it returns a status, or raises anything.
    """
    with _outlets() as (out, err), _ended_by_sigterm(arguments):
        ending = _run(run, arguments)
        if ending.line:
            err.write(f"{ending.line}\n")
        if ending.status and not out.is_used and asks_for_json(arguments):
            out.write(_as_json(ending, err))
        return _flush(ending.status, out, err)


def asks_for_json(arguments: Sequence[str]) -> bool:
    """Return whether a command was asked for JSON, also where it cannot read its options.

    Args:
        arguments: the name of the command and what follows it.

    >>> asks_for_json(["check_health", "--format", "json"])
    True
    >>> asks_for_json(["import_prompts", "--format=json", "prompts.json"])
    False
    """
    if not arguments:
        return False
    name, *rest = arguments
    if name == "export_prompts" and STANDARD_OUTPUT in rest:
        return False  # what is written there is the file
    option = FORM_OPTIONS.get(name, "--format")
    form = ""
    for position, argument in enumerate(rest):
        if argument == "--":
            break
        typed, equals, value = argument.partition("=")
        if len(typed) < SHORTEST_OPTION or not option.startswith(typed):
            continue
        if equals:
            form = value
        elif position + 1 < len(rest):
            form = rest[position + 1]
    return form == "json"


@contextmanager
def _outlets() -> Iterator[tuple[Outlet, Outlet]]:
    """Let both streams outlive their readers while a command runs."""
    out, err = sys.stdout, sys.stderr
    # A stream that was closed, as by `>&-`, is None.
    outlets = Outlet(out or StringIO()), Outlet(err or StringIO())
    sys.stdout, sys.stderr = cast("tuple[TextIO, TextIO]", outlets)
    try:
        yield outlets
    finally:
        sys.stdout, sys.stderr = out, err


@contextmanager
def _ended_by_sigterm(arguments: Sequence[str]) -> Iterator[None]:
    """Let SIGTERM end a command as an error does: what is open is closed and undone.

    A command that has more to say of it, such as a worker, sets a handler of its own.
    """

    def end(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, lambda number, _frame: end_at_once(number))
        raise Terminated

    if arguments[:1] == ["runserver"] or signal.getsignal(signal.SIGTERM) == signal.SIG_IGN:
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(run: Callable[[], int], arguments: Sequence[str]) -> Ending:
    try:
        return _run_and_explain(run, arguments)
    except Terminated:
        text = "Stopped by SIGTERM."
        return Ending(status=TERMINATED, code="command.terminated", line=text, message=text)
    except KeyboardInterrupt:
        # Threads may have to be waited for: whoever presses it again has waited enough.
        signal.signal(signal.SIGINT, lambda number, _frame: end_at_once(number))
        text = "Interrupted."
        return Ending(status=INTERRUPTED, code="command.interrupted", line=text, message=text)


def _run_and_explain(run: Callable[[], int], arguments: Sequence[str]) -> Ending:
    """Run a command and explain its error: both may take long, and be stopped."""
    try:
        return Ending(status=run())
    except Terminated:
        raise
    except SystemExit as error:
        return _explain_exit(error, arguments)
    except BrokenPipeError:  # of bytes that were written past our streams
        return Ending(status=0)
    except Exception as error:  # noqa: BLE001 (nothing is above it that could say it)
        return _explain(error)


def _explain_exit(exit_: SystemExit, arguments: Sequence[str]) -> Ending:
    """Return the ending of a command that has said why it ends, or need not."""
    if isinstance(exit_.code, str):
        return Ending(status=NO, line=exit_.code, code="command.failed", message=exit_.code)
    status = int(exit_.code or 0)
    if "django.core.management" not in sys.modules:
        return Ending(status=status)
    reason = exit_.__context__  # Django ends a command with what it was ended by
    if isinstance(reason, KeyError) and not _is_command(arguments):
        text = f"There is no command {arguments[0]!r}."
        return Ending(status=NOT_ASKED, code="command.unknown", message=text)
    if status == 0 or not _is_command_error(reason):
        return Ending(status=status)
    if type(reason).__name__ == "SystemCheckError":
        # The answer of `check`; to all others, what keeps them from asking.
        status = status if arguments[:1] == ["check"] else NOT_ASKED
        return Ending(status=status, code="environment.check", message=str(reason))
    return Ending(
        status=status,
        code=_find_code(reason) or find_command_code(status),
        message=str(reason),
        errors=_list_errors(reason),
    )


def _explain(error: Exception) -> Ending:
    """Return the ending of a command that an error has ended.

    It is not the answer no, whatever it is: where a no is meant, a command says it.
    """
    if isinstance(error, ModuleNotFoundError) and error.name == "django":
        text = f"Django is not installed for this Python; {find_remedy()}."
        return Ending(status=NOT_ASKED, line=text, code="environment.package", message=text)
    missing = explain_missing(error)
    if missing is not None:
        return Ending(status=NOT_ASKED, line=missing, code="environment.package", message=missing)
    from django.core.exceptions import ImproperlyConfigured
    from django.db import Error

    if isinstance(error, ImproperlyConfigured):
        text = f"Configuration error: {error}"
        return Ending(status=NOT_ASKED, line=text, code="environment.invalid", message=str(error))
    if isinstance(error, Error) and "--traceback" not in sys.argv:
        return _explain_database(error)
    sys.excepthook(type(error), error, error.__traceback__)  # prints it, and may report it
    return Ending(
        status=int(getattr(error, "returncode", NOT_ASKED)),  # of a CommandError
        code="command.unexpected",
        message="This was not expected; the traceback is on standard error.",
    )


def _explain_database(error: Exception) -> Ending:
    from core.database.explanation import explain  # seldom needed

    sentence = explain(error)
    if sentence is None:
        sentence = (
            f"{error}; this is a bug in AutoForge; run it again with --traceback and report it"
        )
    code = _find_code(error)
    status = PERSON_NEEDED if code == OUTCOME_UNKNOWN else NOT_ASKED
    return Ending(
        status=int(getattr(error, "exit_status", status)),
        line=f"Database error: {sentence}.",
        code=code,
        message=f"{sentence}.",
    )


def _find_code(error: BaseException | None) -> str:
    """Return the code of an error, or of the first that caused it and has one."""
    from django.db import Error

    from core.database.explanation import find_code  # seldom needed

    while error is not None:
        code = getattr(error, "code", None)  # one of ours; a driver has codes of its own
        if isinstance(code, str) and CODE.fullmatch(code):
            return code
        if isinstance(error, Error):
            return find_code(error)
        error = error.__cause__
    return ""


def _list_errors(error: BaseException | None) -> tuple[dict[str, str], ...]:
    """Return what is wrong with each field, where fields are wrong."""
    from core.errors import InvalidInputError

    while error is not None and not isinstance(error, InvalidInputError):
        error = error.__cause__
    if error is None:
        return ()
    errors = []
    for field, sentence in error.problems.items():
        entry = {"field": field, "detail": str(sentence)}
        if sentence.code:
            entry["code"] = sentence.code
        errors.append(entry)
    return tuple(errors)


def _is_command(arguments: Sequence[str]) -> bool:
    from django.core.management import get_commands

    return not arguments or arguments[0] in get_commands()


def _is_command_error(error: BaseException | None) -> bool:
    from django.core.management import CommandError

    return isinstance(error, CommandError)


def _as_json(ending: Ending, err: Outlet) -> str:
    message = ending.message
    code = ending.code
    if not message:
        # argparse, and commands that end by themselves, have only written it.
        message = USAGE_ERROR.sub("", err.last, count=1)
    if not code:
        code = "command.usage" if ending.status == NOT_ASKED else "command.failed"
    text = COLOURS.sub("", message).strip()
    description = describe_error(code, text, ending.status, ending.errors)
    return json.dumps({"error": description}, ensure_ascii=False, indent=2) + "\n"


def _flush(status: int, out: Outlet, err: Outlet) -> int:
    """Write out what is held back, and return the status: an answer that is lost is none."""
    out.flush()
    if out.fault:
        err.write(f"Standard output cannot be written: {out.fault}.\n")
        status = status or NOT_ASKED
    err.flush()
    return status
