"""What a worker does: a program in an engine of its own, which ends with it.

No program sees another one's objects: each has a context of its own. The engine stops what takes
too long between its own instructions; inside of a native function the worker's own limit does.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from core.javascript.modules import convert_module

__all__ = ["MEGABYTES", "SECONDS", "run", "run_all"]

SECONDS: Final = 0.7
"""Processor time of one program; `core.bounded` ends its worker a little later."""
MEGABYTES: Final = 64
STACK: Final = 1_000_000  # bytes; a thread has eight times as much
MOST_JOBS: Final = 1_000_000  # steps of promises, each of which the clock is looked at after
FOLDER: Final = Path(__file__).with_name("runtime")
# Lines from here on are the program's own: the engine names no files, so lines tell them apart.
BASE: Final = 1000
# A function that is made of a text begins two lines before it.
LINES_BEFORE_BODY: Final = 2
# Where there is no memory for the error itself, the engine throws null; no program does that.
NO_MEMORY: Final = (("InternalError", "out of memory"), ("", "null"))
PLACE: Final = re.compile(r"<input>:(\d+)")

Outcome = dict[str, Any]
"""What became of a program: "state" is done, failed, large, time, memory or waiting."""


@cache
def _host() -> tuple[str, str]:
    """Return the program that makes a context ready, and all modules as JSON."""
    host = (FOLDER / "host.js").read_text(encoding="utf-8")
    modules = {
        path.stem: path.read_text(encoding="utf-8")
        for path in sorted(FOLDER.glob("*.js"))
        if path.stem != "host"
    }
    return host, json.dumps(modules)


def run_all(work: Sequence[tuple[Mapping[str, Any], str]], seconds: float) -> list[Outcome]:
    """Return the outcomes of programs, one after the other, as far as the time goes.

    Args:
        work: programs with their arguments, as `run` takes them.
        seconds: processor time after which no further one begins; the list is shorter then.
    """
    started = time.process_time()
    outcomes: list[Outcome] = []
    for program, arguments in work:
        if outcomes and time.process_time() - started > seconds:
            break
        outcomes.append(run(program, arguments))
    return outcomes


def run(program: Mapping[str, Any], arguments: str) -> Outcome:
    """Return what becomes of a program.

    Args:
        program: its fields.
        arguments: a JSON list.
    """
    import quickjs  # only workers need it

    context = quickjs.Context()
    context.set_memory_limit(MEGABYTES * 1024 * 1024)
    context.set_max_stack_size(STACK)
    try:
        outcome = _run(context, program, arguments, time.process_time() + SECONDS)
    except (quickjs.JSException, quickjs.StackOverflow) as error:
        outcome = _stopped(str(error))
    except TypeError:
        outcome = _replaced()  # no value that Python has
    if outcome["state"] == "failed" and (outcome["name"], outcome["message"]) in NO_MEMORY:
        outcome = {"state": "memory"}
    return _with_place(outcome, program)


def _run(context: Any, program: Mapping[str, Any], arguments: str, until: float) -> Outcome:
    context.set_time_limit(SECONDS)
    host, modules = _host()
    begin = {name: program[name] for name in ("kind", "source", "parameters", "exports")}
    # The arguments are JSON already: they are put in as they are.
    message = json.dumps({**begin, "process": program["gets_process"], "base": BASE})
    message = f'{message[:-1]}, "arguments": {arguments}}}'
    step = context.eval(host)(
        _convert(tuple(program["files"].items())), json.dumps(program["environment"]), modules
    )
    step("begin", message)
    for _job in _jobs(context, until):
        outcome = step("look", "")
        if outcome:
            return _checked(outcome)
        if not step("timer", ""):
            return {"state": "waiting"}
    return {"state": "time"}


FIELDS: Final[Mapping[str, Mapping[str, Callable[[Any], Any]]]] = {
    "done": {"type": str, "text": str},
    "large": {"length": int},
    "failed": {"name": str, "message": str, "stack": str},
}


def _checked(text: object) -> Outcome:
    """Return an outcome that a context wrote, without what the program may have put into it."""
    try:
        outcome = json.loads(str(text))
        state = outcome["state"]
        checked = {name: kind(outcome[name]) for name, kind in FIELDS[state].items()}
        lists = {name: [str(entry) for entry in outcome[name]] for name in ("lines", "missing")}
    except (ValueError, TypeError, LookupError, RecursionError):
        return _replaced()
    return {"state": state, **checked, **lists}


def _replaced() -> Outcome:
    message = "the program replaced what its result is written with"
    return {"state": "failed", "name": "", "message": message, "stack": ""}


def _jobs(context: Any, until: float) -> Iterator[None]:
    """Yield each time when nothing is left to do for promises; end where the time is used up."""
    while True:
        for _number in range(MOST_JOBS):
            left = until - time.process_time()
            if left <= 0:
                return
            context.set_time_limit(left)
            if not context.execute_pending_job():
                break
        else:
            return
        yield


@lru_cache(maxsize=16)
def _convert(files: tuple[tuple[str, str], ...]) -> str:
    converted = {}
    base = BASE
    for path, text in files:
        body, is_module = convert_module(text, path)
        converted[path] = {"text": body, "module": is_module, "base": base}
        base += text.count("\n") + 1
    return json.dumps(converted)


def _stopped(message: str) -> Outcome:
    """Return the outcome of a program that the engine stopped."""
    if message.startswith("InternalError: interrupted"):
        return {"state": "time"}
    if "out of memory" in message or message in ("", "null"):
        return {"state": "memory"}  # for the error itself there was no memory left
    first, _line_end, stack = message.partition("\n")
    name, _colon, text = first.partition(": ")
    return {"state": "failed", "name": name, "message": text, "stack": stack, "missing": []}


def _with_place(outcome: Outcome, program: Mapping[str, Any]) -> Outcome:
    """Add the file and line that an error comes from; "" and None where they are not known."""
    if outcome["state"] != "failed":
        return outcome
    numbers = (int(match[1]) for match in PLACE.finditer(outcome["stack"]))
    line = next((number - BASE for number in numbers if number > BASE), None)
    file = ""
    if line is not None and program["kind"] == "body":
        line = max(1, line - LINES_BEFORE_BODY)
    elif line is not None:
        for path, text in program["files"].items():
            file, length = path, text.count("\n") + 1
            if line <= length:
                break
            line -= length
    return {**outcome, "file": file, "line": line}
