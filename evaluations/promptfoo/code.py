"""JavaScript of a configuration: code in its texts and files, kept whole for the sandbox.

What is Python, TypeScript or of a package is not read here; it stays what it was.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import uuid4

from core import bounded
from core.javascript import (
    JavaScriptError,
    Program,
    Returned,
    ThrownError,
    collect_files,
    run,
)
from core.sentences import Sentence
from evaluations.engine.errors import SuiteError
from evaluations.engine.scripts import Script, export_program, place, transform_program
from evaluations.promptfoo.files import Location, Source

__all__ = [
    "is_javascript",
    "is_javascript_file",
    "load_value",
    "load_variable",
    "read_script",
    "run_script",
    "transform_variables",
]

FILE: Final = re.compile(r"(?:file://)?(?P<path>[^\n]+\.[cm]?js)(?::(?P<export>[\w$]+))?", re.ASCII)


def is_javascript_file(value: object) -> bool:
    """Whether a text names a file of JavaScript, and perhaps a function of it."""
    return isinstance(value, str) and FILE.fullmatch(value) is not None


def is_javascript(value: object) -> bool:
    """Whether a text is code in JavaScript, or names a file of it."""
    if not isinstance(value, str) or not value:
        return False
    if value.startswith("file://"):
        return is_javascript_file(value)
    return not value.startswith("package:")


def read_script(source: Source, value: str, location: Location) -> dict[str, Any]:
    """Return the script that a text means, with all files that it needs, as it is kept.

    Raises:
        SuiteError: a file cannot be read, or there is too much of them; names the place.
    """
    match = FILE.fullmatch(value) if value.startswith("file://") else None
    if match is None:
        return Script(text=value).as_json()
    path = str(source.code_path(match["path"], location))

    def read(name: str) -> str | None:
        if name != path and not source.has_file(name):
            return None
        return source.load_text(PurePosixPath(name))

    try:
        files = collect_files(path, read)
    except ValueError as error:
        raise SuiteError(
            "promptfoo.program-files", at=location, reference=value, why=str(error)
        ) from None
    return Script(file=path, export=match["export"] or "", files=files).as_json()


def load_value(
    source: Source, reference: str, arguments: tuple[object, ...], location: Location
) -> object:
    """Return what a file of JavaScript exports, or what its function returns where it is one.

    Raises:
        SuiteError: the file cannot be read or run; names the place.
    """
    script = Script.read(read_script(source, _as_file(reference), location))
    program = export_program(script)
    if not script.export:
        exported = run_script(source, replace(program, exports=()), (), reference, location)
        if exported.type != "function":
            return exported.value
    return run_script(source, program, arguments, reference, location).value


def _as_file(reference: str) -> str:
    return reference if reference.startswith("file://") else f"file://{reference}"


def transform_variables(
    source: Source, code: str, variables: Mapping[str, object], location: Location
) -> dict[str, object]:
    """Return the variables of a test with what code makes of them.

    Raises:
        SuiteError: it cannot be run, or returns no object; names the place.
    """
    script = Script.read(read_script(source, code, location))
    program = transform_program(script, "vars")
    known = {"prompt": {}, "uuid": str(uuid4())}
    changed = run_script(source, program, (dict(variables), known), script.label, location).value
    if not isinstance(changed, dict):
        raise SuiteError("promptfoo.transform-vars", at=location, reference=script.label)
    return {**variables, **changed}


def load_variable(
    source: Source, name: str, reference: str, variables: Mapping[str, object], location: Location
) -> object:
    """Return the value of a variable that a file of JavaScript makes.

    Raises:
        SuiteError: it cannot be run, or returns no {output}; names the place.
    """
    made = load_value(source, reference, (name, "", dict(variables), {}), location)
    if not isinstance(made, dict) or not made.get("output"):
        why = made.get("error") if isinstance(made, dict) else None
        raise SuiteError(
            "promptfoo.no-output", at=location, reference=reference, why=str(why or "{output: …}")
        )
    return made["output"]


def run_script(
    source: Source, program: Program, arguments: tuple[object, ...], label: str, location: Location
) -> Returned:
    """Return what a program returns that is run while its configuration is read.

    Raises:
        SuiteError: it has no result; names the place.
    """
    try:
        # An allowance of their own: that of texts would end with a few hundred calls.
        with bounded.share_allowance(source.programs):
            return run(program, arguments)
    except ThrownError as error:
        why: object = f"{error}{place(error)}"
    except JavaScriptError as error:
        why = error
    raise SuiteError(
        "promptfoo.program", at=location, reference=label, why=Sentence.verbatim(str(why))
    )
