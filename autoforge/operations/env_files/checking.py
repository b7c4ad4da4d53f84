"""Everything that is wrong with a file of variables, at once, each with its line and its remedy.

It is about the file alone: what this process has in its own environment does not count.
"""

import stat
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from autoforge.environment import VARIABLES, Variable
from autoforge.environment.files import list_invalid_lines, parse_variables
from autoforge.environment.layers import Layers
from autoforge.environment.reading import list_problems
from autoforge.environment.rules import is_published
from autoforge.environment.values import APP_ENVS
from autoforge.operations.env_files.deployed import find_in_deployment
from autoforge.operations.env_files.lines import list_assignments
from autoforge.operations.env_files.quoting import is_read_alike
from autoforge.operations.env_files.reading import read_file
from autoforge.operations.env_files.strength import KEY_BITS, PASSWORD_BITS, find_weakness
from autoforge.operations.env_files.tracking import is_tracked

__all__ = ["Problem", "check_file", "sort_problems"]

OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong; `str()` is the line that is printed."""

    file: str
    """The file, as it was named."""
    line: int | None
    """The line, from 1; None where it is about the file, or about a line that is missing."""
    name: str
    """The variable; empty where it is about the file."""
    code: str
    """What kind of problem it is, for machines."""
    message: str
    """What is wrong and what to do, without any secret."""
    is_error: bool = True
    """False for what works, and is probably not meant."""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.message}" if self.is_error else f"{place}: warning: {self.message}"


class _File:
    """A file that is checked: its text, and the line of each variable."""

    def __init__(self, path: Path, shown: str, app_env: str, root: Path) -> None:
        self.path = path
        self.shown = shown
        self.app_env = app_env
        self.root = root
        self.text = read_file(path).removeprefix("\ufeff")
        self.values = parse_variables(self.text)
        self.lines: dict[str, int] = {}
        for assignment in list_assignments(self.text):
            self.lines[assignment.name] = assignment.line  # the last one counts
        self.layers = Layers(
            process={},
            file_values=self.values,
            root=root,
            app_env=app_env,
            file=path,
            missing_file=None,
        )
        self.errors, self.notes = list_problems(self.layers)

    def find_line(self, variable: Variable) -> int | None:
        """Return the line that sets a variable under one of its names."""
        for name in (variable.name, variable.alias, f"{variable.name}_FILE"):
            if name in self.lines:
                return self.lines[name]
        return None

    def report(
        self, code: str, message: str, *, name: str = "", line: int | None = None
    ) -> Problem:
        """Return a problem of this file, at the line of the variable unless another is given."""
        if line is None and name:
            line = self.lines.get(name)
        return Problem(file=self.shown, line=line, name=name, code=code, message=message)


def check_file(path: Path, app_env: str, root: Path, shown: str) -> list[Problem]:
    """Return what is wrong with a file of variables, from its top.

    Args:
        path: the file.
        app_env: the environment it is for: local, staging or production.
        root: the project's folder, from which its relative paths begin.
        shown: what the file is called in the problems.

    Raises:
        EnvFileError: it cannot be read, so nothing was checked.
    """
    file = _File(path, shown, app_env, root)
    problems = [
        *_check_lines(file),
        *_check_names(file),
        *_check_values(file),
        *_check_secrets(file),
        *_check_deployed(file),
        *_check_access(file),
    ]
    return sort_problems(problems)


def sort_problems(problems: list[Problem]) -> list[Problem]:
    """Return the problems in the order of their lines; those without one come last."""
    return sorted(problems, key=lambda problem: (problem.line is None, problem.line or 0))


def _check_lines(file: _File) -> Iterator[Problem]:
    for number in list_invalid_lines(file.text):
        yield file.report(
            "invalid-line",
            "this line is not valid: a line must be NAME=value, a comment that starts with #, or "
            "empty.",
            line=number,
        )
    first: dict[str, int] = {}
    for assignment in list_assignments(file.text):
        if assignment.name in first:
            yield file.report(
                "set-twice",
                f"{assignment.name} is set on line {first[assignment.name]} already, and only the "
                "last one counts; remove one of the lines.",
                name=assignment.name,
                line=assignment.line,
            )
        first[assignment.name] = assignment.line
        # A laptop's file is read by AutoForge alone.
        if file.app_env != "local" and not is_read_alike(assignment.raw):
            yield file.report(
                "quoting",
                f"{assignment.name} is not quoted so that a shell and Docker Compose read what "
                "AutoForge reads; put the value in single quotes, or write the file with "
                "`manage.py env render`.",
                name=assignment.name,
                line=assignment.line,
            )


def _check_names(file: _File) -> Iterator[Problem]:
    known = [variable.name for variable in VARIABLES]
    for name in file.layers.unknown_names():
        near = get_close_matches(name, known, n=1)
        remedy = f"did you mean {near[0]}?" if near else "remove the line; .env.example lists all."
        yield file.report("unknown", f"{name} is not a variable of AutoForge: {remedy}", name=name)
    in_file = file.values.get("APP_ENV", "").strip()
    if file.app_env != "local" and not in_file:
        yield file.report(
            "missing",
            f"APP_ENV is not set: without it the file is not read; add APP_ENV={file.app_env}.",
            name="APP_ENV",
        )
    elif in_file in APP_ENVS and in_file != file.app_env:
        yield file.report(
            "other-environment",
            f"APP_ENV is '{in_file}', but this file is checked for {file.app_env}; set "
            f"APP_ENV={file.app_env}, or check it with `manage.py env check {in_file}`.",
            name="APP_ENV",
        )
    if file.app_env != "local" and not file.values.get("ALLOWED_HOSTS", "").strip():
        yield file.report(
            "missing",
            f"ALLOWED_HOSTS is not set: no request would be answered in {file.app_env}; add the "
            "host names to serve.",
            name="ALLOWED_HOSTS",
        )


def _check_values(file: _File) -> Iterator[Problem]:
    by_name = {variable.name: variable for variable in VARIABLES}
    for error in file.errors:
        name = error.names[0] if error.names else ""
        line = file.find_line(by_name[name]) if name in by_name else None
        code = "missing" if name and line is None else "not-allowed"
        yield file.report(code, str(error), name=name, line=line)
    for note in file.notes:
        name = note.partition(" ")[0]
        line = file.lines.get(name)
        yield Problem(
            file=file.shown, line=line, name=name, code="no-effect", message=note, is_error=False
        )


def _check_secrets(file: _File) -> Iterator[Problem]:
    refused = {name for error in file.errors for name in error.names}
    names_by_value: dict[str, list[str]] = defaultdict(list)
    for variable in VARIABLES:
        value = file.values.get(variable.name, "")
        if not variable.secret or not value.strip() or variable.name in refused:
            continue
        names_by_value[value].append(variable.name)
        if not variable.generated:
            continue
        remedy = f"`manage.py env secrets {file.app_env} --rotate {variable.name}` makes a new one."
        reason = find_weakness(value, PASSWORD_BITS if variable.kind == "password" else KEY_BITS)
        if is_published(value, file.root):
            reason = "it is published in the repository"
        if reason:
            message = f"{variable.name} is **** ({len(value)} characters): {reason}; {remedy}"
            yield file.report("weak", message, name=variable.name)
    for names in names_by_value.values():
        for name in names[1:]:
            message = (
                f"{name} has the same value as {names[0]} (line {file.lines[names[0]]}): who "
                "learns one has the other; use another one."
            )
            yield file.report("same-secret", message, name=name)


def _check_deployed(file: _File) -> Iterator[Problem]:
    refused = {name for error in file.errors for name in error.names}
    for finding in find_in_deployment(file.values, file.app_env):
        if finding.name not in refused:
            yield Problem(
                file=file.shown,
                line=file.lines.get(finding.name),
                name=finding.name,
                code=finding.code,
                message=finding.message,
                is_error=finding.is_error,
            )


def _check_access(file: _File) -> Iterator[Problem]:
    if file.path.stat().st_mode & OTHERS:
        mode = stat.S_IMODE(file.path.stat().st_mode)
        yield file.report(
            "permissions",
            f"others than its owner may read or write it (mode {mode:03o}); run "
            f"`chmod 600 {file.shown}`.",
        )
    if is_tracked(file.path):
        yield file.report(
            "tracked",
            f"it is tracked by git; run `git rm --cached {file.shown}`, and replace every secret "
            "that was in it.",
        )
