"""From a template with placeholders to a file of variables: everything or nothing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from autoforge.operations.env_files.errors import RefusedError
from autoforge.operations.env_files.generating import OPTIONAL, PREFIXES
from autoforge.operations.env_files.lines import PLACEHOLDER, list_assignments
from autoforge.operations.env_files.quoting import find_unquotable, quote_for_file

__all__ = ["Entry", "list_entries", "render"]

HEADER = (
    "# Written for {app_env} by `manage.py env render {app_env}`: secrets, for one owner alone.\n"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A line `NAME=${PLACEHOLDER}` of a template."""

    line: int
    """Its number, from 1."""
    name: str
    """The variable it sets."""
    placeholder: str
    """The name of what fills it; empty where the value is no placeholder."""
    optional: bool
    """Whether it may stay empty."""


def list_entries(template: str) -> Iterator[Entry]:
    """Yield each entry of a template, also one whose value is no placeholder."""
    lines = template.splitlines()
    for assignment in list_assignments(template):
        match = PLACEHOLDER.fullmatch(assignment.raw)
        above = lines[assignment.line - 2] if assignment.line > 1 else ""
        yield Entry(
            line=assignment.line,
            name=assignment.name,
            placeholder=match["name"] if match else "",
            optional=above.strip() == OPTIONAL,
        )


def render(
    template: str, app_env: str, process: Mapping[str, str], values: Mapping[str, str]
) -> str:
    """Return the template with its placeholders filled, each value quoted for all its readers.

    Args:
        template: the text of the template.
        app_env: staging or production; fills the placeholder of APP_ENV by itself.
        process: the variables of the process; they stand before the values.
        values: what a file of values holds.

    Raises:
        RefusedError: naming every placeholder that is empty or unfit at once.
    """
    entries = list(list_entries(template))
    filled = {name: text for name, text in values.items() if text.strip()}
    filled |= {name: text for name, text in process.items() if text.strip()}
    app_env_name = f"{PREFIXES[app_env]}_APP_ENV"
    filled.setdefault(app_env_name, app_env)
    faults = _find_faults(entries, filled)
    if filled[app_env_name].strip() != app_env:
        faults.append(f"{app_env_name} is not {app_env}")
    faults += _find_unknown(entries, values)
    if faults:
        raise RefusedError("; ".join(faults))
    lines = [HEADER.format(app_env=app_env)]
    for entry in entries:
        if entry.placeholder in filled:
            lines.append(f"{entry.name}={quote_for_file(filled[entry.placeholder])}\n")
    return "".join(lines)


def _find_faults(entries: Iterable[Entry], filled: Mapping[str, str]) -> list[str]:
    names: dict[str, list[str]] = {}
    for entry in entries:
        fault = _find_fault(entry, filled)
        if fault:
            name = entry.placeholder or f"{entry.name} (line {entry.line})"
            names.setdefault(fault, []).append(name)
    return [f"{fault}: {', '.join(names[fault])}" for fault in names]


def _find_fault(entry: Entry, filled: Mapping[str, str]) -> str:
    """Return why an entry cannot be written, in words; empty where it can."""
    if not entry.placeholder:
        return "not a placeholder"
    if entry.placeholder not in filled:
        return "" if entry.optional else "empty or not set"
    reason = find_unquotable(filled[entry.placeholder])
    return f"with {reason}" if reason else ""


def _find_unknown(entries: Iterable[Entry], values: Mapping[str, str]) -> list[str]:
    """Return a fault where a value is for no placeholder: it would be lost without a word."""
    known = [entry.placeholder for entry in entries]
    unknown = []
    for name in values:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            unknown.append(f"{name} (did you mean {near[0]}?)" if near else name)
    return [f"not in the template: {', '.join(unknown)}"] if unknown else []
