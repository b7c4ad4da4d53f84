"""What is wrong with a committed template: it holds placeholders, and those of the table."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from autoforge.environment import VARIABLES
from autoforge.environment.files import list_invalid_lines
from autoforge.operations.env_files.checking import Problem, sort_problems
from autoforge.operations.env_files.generating import find_placeholder_name, generate_template
from autoforge.operations.env_files.reading import check_file_or_nothing, read_file
from autoforge.operations.env_files.rendering import Entry, list_entries

__all__ = ["check_template", "read_template"]

REGENERATE = "`make env-files` writes the template anew."


def read_template(path: Path, app_env: str) -> str:
    """Return the text of a template; that of the table where the file does not exist.

    Raises:
        EnvFileError: the file cannot be read.
    """
    if check_file_or_nothing(path):
        return read_file(path)
    return generate_template(app_env)


def check_template(path: Path, app_env: str, shown: str) -> list[Problem]:
    """Return what is wrong with a template, from its top; values are never repeated.

    Raises:
        EnvFileError: it cannot be read, so nothing was checked.
    """
    text = read_file(path)
    problems = []
    for number in list_invalid_lines(text):
        message = (
            "this line is not valid: a line of a template is NAME=${PLACEHOLDER}, a comment or "
            "empty."
        )
        problems.append(
            Problem(file=shown, line=number, name="", code="invalid-line", message=message)
        )
    entries = list(list_entries(text))
    for entry in entries:
        for code, message in _check_entry(entry, app_env):
            problems.append(
                Problem(file=shown, line=entry.line, name=entry.name, code=code, message=message)
            )
    for code, name, message in _check_set(entries, app_env):
        problems.append(Problem(file=shown, line=None, name=name, code=code, message=message))
    return sort_problems(problems)


def _check_entry(entry: Entry, app_env: str) -> Iterator[tuple[str, str]]:
    """Yield code and sentence for what is wrong with one entry."""
    by_name = {row.name: row for row in VARIABLES if app_env in row.environments}
    variable = by_name.get(entry.name)
    if variable is None:
        near = get_close_matches(entry.name, by_name, n=1)
        remedy = f"did you mean {near[0]}?" if near else "remove the line."
        yield "unknown", f"{entry.name} is not a variable of AutoForge in {app_env}: {remedy}"
        if not entry.placeholder:
            yield (
                "value",
                f"{entry.name} has a value in a committed file; remove the line.",
            )
        return
    expected = find_placeholder_name(variable, app_env)
    if not entry.placeholder:
        remedy = (
            f"write {entry.name}=${{{expected}}}, and keep the value in the deployment's secrets"
        )
        yield "value", f"{entry.name} has a value in a committed file; {remedy}."
    elif entry.placeholder != expected:
        yield (
            "placeholder",
            f"the placeholder of {entry.name} is {entry.placeholder}; it must be {expected}.",
        )
    if variable.required and entry.optional:
        yield "optional", f"{entry.name} is required; remove the line “# optional” above it."


def _check_set(entries: list[Entry], app_env: str) -> Iterator[tuple[str, str, str]]:
    """Yield code, name and sentence for what is missing or there twice."""
    names = [entry.name for entry in entries]
    for variable in VARIABLES:
        if app_env not in variable.environments:
            continue
        count = names.count(variable.name)
        if count == 0:
            yield "missing", variable.name, f"{variable.name} is not in the template; {REGENERATE}"
        elif count > 1:
            yield (
                "set-twice",
                variable.name,
                f"{variable.name} is in the template {count} times; {REGENERATE}",
            )
