"""Fill a template of variables from the environment: `render_env.py TEMPLATE OUTPUT`.

The output is readable by its owner alone and appears whole or not at all. Values are never
printed. Exit status: 0 written, 1 a placeholder is empty or a value unfit, 2 wrong usage or files.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

LINE = re.compile(r"(?P<name>[A-Z][A-Z0-9_]*)=\$\{(?P<source>[A-Z][A-Z0-9_]*)\}")


class RenderError(Exception):
    """The template cannot be filled; `str()` says why."""


def render(template: str, values: Mapping[str, str]) -> str:
    """Return the template with its placeholders filled, a value in double quotes a line.

    Raises:
        RenderError: naming every placeholder that is empty and every value with a line break.
    """
    lines, empty, broken = [], [], []
    for name, source, optional in _placeholders(template):
        value = values.get(source, "")
        if len(f"{value}.".splitlines()) > 1:  # the full stop: a break at the end counts too
            broken.append(source)
        if value.strip():
            lines.append(f"{name}={quote(value)}\n")
        elif not optional:
            empty.append(source)
    if empty:
        raise RenderError(f"empty or not set: {', '.join(empty)}")
    if broken:
        raise RenderError(f"has a line break: {', '.join(broken)}")
    return "".join(lines)


def _placeholders(template: str) -> Iterator[tuple[str, str, bool]]:
    """Yield name, placeholder and whether it may be empty."""
    optional = False
    for number, line in enumerate(template.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            optional = line.strip() == "# optional"
            continue
        match = LINE.fullmatch(line)
        if match is None:
            raise RenderError(
                f"line {number} of the template is not of the form NAME=${{PLACEHOLDER}}"
            )
        yield match["name"], match["source"], optional
        optional = False


def quote(value: str) -> str:
    """Return `value` as the reader of .env files gives it back unchanged."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def write(path: Path, text: str) -> None:
    """Write `text` to `path` in one step, mode 600."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".render-")  # mode 600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def main(arguments: Sequence[str]) -> int:
    """Render; return the exit status."""
    if len(arguments) != 2:
        sys.stderr.write("usage: render_env.py TEMPLATE OUTPUT\n")
        return 2
    template, output = map(Path, arguments)
    try:
        text = render(template.read_text(encoding="utf-8"), os.environ)
        write(output, text)
    except RenderError as error:
        sys.stderr.write(f"{template} cannot be filled: {error}.\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}.\n")
        return 2
    print(f"Wrote {output} from {template} ({text.count(chr(10))} variables).")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
