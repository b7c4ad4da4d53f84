"""JavaScript of a suite: how it is kept, what it is called with, what its answers mean.

A script is kept as an object beside the assertion that it belongs to, with every file that it
needs, so that a stored suite runs anywhere: {"text": …} or {"file": …, "export": …, "files": {…}}.
Keys of an assertion's config that begin with a dollar sign are ours: no configuration has them.

    SCRIPT      what a javascript assertion calls, where it is in a file
    TRANSFORMS  what changes the answer before the assertion sees it, the first one first

Where code runs is left to `core.javascript`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from core.javascript import (
    JavaScriptError,
    Kind,
    Program,
    Returned,
    ThrownError,
    run,
    run_async,
)
from evaluations.engine.errors import ScoringError
from evaluations.engine.types import Answer, Assertion, Message

__all__ = [
    "PRIVATE",
    "PROMPT",
    "SCRIPT",
    "TRANSFORMS",
    "Script",
    "call_assertion",
    "call_prompt",
    "call_scoring",
    "describe_prompt",
    "export_program",
    "function_body",
    "list_scripts",
    "place",
    "read_function_prompt",
    "script_length",
    "transform_answer",
    "transform_program",
    "write_function_prompt",
]

PRIVATE: Final = "$"
"""What keys begin with that no configuration has."""
SCRIPT: Final = "$script"
TRANSFORMS: Final = "$transforms"
DECLARES: Final = re.compile(r"(?:const|let|var)\s")
SHOWN: Final = 80  # characters of code in a sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """Code as a configuration has it."""

    text: str = ""
    """Code; empty where it is in a file."""
    file: str = ""
    """The path of the file among `files`."""
    export: str = ""
    """What of the file is called; empty: its default."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The file and all that it needs, by path."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What `process.env` holds."""

    @classmethod
    def read(cls, stored: object) -> "Script":
        """Return the script that an object means.

        Raises:
            ScoringError: it means none.
        """
        if not isinstance(stored, Mapping):
            raise ScoringError("script.shape")
        texts = {name: stored.get(name, "") for name in ("text", "file", "export")}
        maps = {name: stored.get(name, {}) for name in ("files", "environment")}
        if not all(isinstance(text, str) for text in texts.values()):
            raise ScoringError("script.shape")
        for entries in maps.values():
            if not isinstance(entries, Mapping):
                raise ScoringError("script.shape")
            if not all(isinstance(text, str) for text in (*entries, *entries.values())):
                raise ScoringError("script.shape")
        return cls(**texts, **maps)

    def as_json(self) -> dict[str, Any]:
        """Return the object that is kept."""
        fields = {
            "text": self.text,
            "file": self.file,
            "export": self.export,
            "files": dict(self.files),
            "environment": dict(self.environment),
        }
        return {name: value for name, value in fields.items() if value}

    @property
    def label(self) -> str:
        """What a sentence calls it."""
        if self.file:
            return f"{self.file}:{self.export}" if self.export else self.file
        line = " ".join(self.text.split())
        return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def list_scripts(assertion: Assertion) -> list[Mapping[str, object]]:
    """Return the stored scripts of an assertion, those of its members too."""
    config = assertion.config
    stored = [config[SCRIPT]] if SCRIPT in config else []
    transforms = config.get(TRANSFORMS, ())
    if isinstance(transforms, list | tuple):
        stored += transforms
    for member in assertion.assertions:
        stored += list_scripts(member)
    return [script for script in stored if isinstance(script, Mapping)]


def script_length(script: Mapping[str, object]) -> int:
    """Return the characters of the files that a stored script brings."""
    files = script.get("files")
    if not isinstance(files, Mapping):
        return 0
    return sum(len(text) for text in files.values() if isinstance(text, str))


def function_body(code: str) -> str:
    """Return the body of the function that an assertion's code means, as promptfoo reads it.

    Several lines are a body with its own `return`. One line is an expression, or declarations with
    an expression behind the last semicolon.

    Examples:
        >>> function_body("output.length > 3")
        'return output.length > 3'
        >>> function_body("const n = output.length; n > 3;")
        'const n = output.length; return n > 3'
    """
    code = code.rstrip()
    if "\n" in code:
        return code
    line = re.sub(r";+\s*\Z", "", code.strip())
    if not DECLARES.match(line):
        return f"return {line}"
    last = _last_semicolon(line)
    expression = line[last + 1 :].strip()
    return f"{line[: last + 1]} return {expression}" if last >= 0 and expression else line


def _last_semicolon(line: str) -> int:
    """Return where the last semicolon stands that is in no quotation, -1 where there is none."""
    mark = ""
    last = -1
    position = 0
    while position < len(line):
        sign = line[position]
        if sign == "\\":
            position += 1
        elif mark:
            mark = "" if sign == mark else mark
        elif sign in "'\"`":
            mark = sign
        elif sign == ";":
            last = position
        position += 1
    return last


def transform_program(script: Script, name: str = "output") -> Program:
    """Return what a transform calls: of code an expression, or a body of several lines.

    Args:
        script: the code.
        name: what the code calls what it changes: "output" or "vars".
    """
    if script.file:
        # A name that the file does not export is its default, as in promptfoo.
        exports = (script.export, "") if script.export else ("",)
        return _file_program(script, exports)
    body = script.text if "\n" in script.text else f"return {script.text}"
    return _body_program(script, body, name)


def assertion_program(script: Script) -> Program:
    """Return what a javascript assertion calls."""
    if script.file:
        return _file_program(script, (script.export,))
    return _body_program(script, function_body(script.text), "output")


def _body_program(script: Script, body: str, name: str) -> Program:
    return Program(
        kind=Kind.BODY,
        source=body,
        parameters=(name, "context", "process"),
        environment=script.environment,
        gets_process=True,
    )


def _file_program(script: Script, exports: tuple[str, ...]) -> Program:
    return Program(
        kind=Kind.MODULE,
        source=script.file,
        exports=exports,
        files=script.files,
        environment=script.environment,
    )


def place(error: ThrownError) -> str:
    """Return where an error comes from, for the end of a sentence; empty where nobody knows."""
    if error.line is None:
        return ""
    return f" ({error.file}:{error.line})" if error.file else f" (line {error.line})"


async def transform_answer(
    stored: Sequence[object], answer: Answer, context: Mapping[str, object], memory: dict[Any, Any]
) -> Answer:
    """Return what scripts make of an answer.

    Args:
        stored: the scripts, as an assertion's config keeps them.
        answer: what was answered.
        context: what every script gets besides the answer.
        memory: what scripts have made of this answer already, for its other assertions.

    Raises:
        ScoringError: one of them cannot be run, or returns nothing.
    """
    done: tuple[object, ...] = ()
    for entry in stored:
        script = Script.read(entry)
        done = (*done, script.text, script.file, script.export)
        if done not in memory:
            memory[done] = _changed(answer, await _transform(script, answer, context))
        answer = memory[done]
    return answer


async def _transform(script: Script, answer: Answer, context: Mapping[str, object]) -> object:
    output = answer.text if answer.data is None else answer.data
    try:
        returned = await run_async(transform_program(script), (output, context))
    except ThrownError as error:
        raise ScoringError(
            "script.transform-threw", script=script.label, error=f"{error}{place(error)}"
        ) from error
    except JavaScriptError as error:
        raise ScoringError("script.transform", script=script.label, error=error) from error
    if returned.type in ("undefined", "null", "function"):
        raise ScoringError("script.nothing", script=script.label)
    return returned.value


def _changed(answer: Answer, value: object) -> Answer:
    if isinstance(value, str):
        return replace(answer, text=value, data=None)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return replace(answer, text=text, data=value)


def describe_prompt(messages: Sequence[Message]) -> str:
    """Return the prompt as promptfoo's code sees it: a text, or the chat as JSON."""
    if len(messages) == 1 and messages[0].role == "user":
        return messages[0].content
    chat = [{"role": message.role, "content": message.content} for message in messages]
    return json.dumps(chat, ensure_ascii=False, indent=2)


PROMPT: Final = '{"$promptFunction":'
"""How the text of a prompt begins that is made by a function for each case."""


def write_function_prompt(script: Mapping[str, object], config: object) -> str:
    """Return the text that keeps a function which makes a prompt, and what it is given."""
    return json.dumps({"$promptFunction": script, "config": config}, separators=(",", ":"))


def read_function_prompt(text: str) -> tuple[Script, object] | None:
    """Return the function and its settings that a text keeps, None where it is a prompt itself.

    Raises:
        ScoringError: what it keeps is no script.
    """
    if not text.startswith(PROMPT):
        return None
    try:
        kept = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return Script.read(kept["$promptFunction"]), kept.get("config")


def call_prompt(script: Script, known: Mapping[str, object]) -> str:
    """Return the text of a prompt that a function makes, with tags that are still to be filled.

    Args:
        script: the function.
        known: what it is given: `vars`, `provider`, `config`.

    Raises:
        ScoringError: it cannot be run, or returns something else.
    """
    returned = _call(script, export_program(script), (known,))
    value = returned.value
    if isinstance(value, Mapping) and "prompt" in value:
        if value.get("config"):
            raise ScoringError("script.prompt-config", script=script.label)
        value = value["prompt"]
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    raise ScoringError("script.no-prompt", script=script.label, type=returned.type)


def export_program(script: Script) -> Program:
    """Return what calls a function of a file, which must export it."""
    return _file_program(script, (script.export,))


def _call(script: Script, program: Program, arguments: Sequence[object]) -> Returned:
    try:
        return run(program, arguments)
    except ThrownError as error:
        raise ScoringError(
            "script.threw", script=script.label, error=f"{error}{place(error)}"
        ) from error
    except JavaScriptError as error:
        raise ScoringError("script.failed", script=script.label, error=error) from error


async def call_scoring(
    script: Script, named: Mapping[str, float], known: Mapping[str, object]
) -> Returned:
    """Return what a function makes of the named scores of a case.

    Raises:
        JavaScriptError: it has no result.
    """
    program = _file_program(script, ("", "func") if not script.export else (script.export,))
    return await run_async(program, (dict(named), known))


async def call_assertion(script: Script, output: object, context: Mapping[str, object]) -> Returned:
    """Return what the function of an assertion returns.

    Raises:
        JavaScriptError: it has no result.
    """
    return await run_async(assertion_program(script), (output, context))
