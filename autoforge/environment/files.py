"""Reading of files: the file of variables, and files that hold one secret each."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import environ

from autoforge.environment.errors import ConfigurationError

__all__ = [
    "list_invalid_lines",
    "parse_variables",
    "read_secret_file",
    "read_text",
    "read_variables",
]

LINE = re.compile(r"(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*=.*\Z")


def read_variables(path: Path, shown_path: str) -> dict[str, str]:
    """Return name → value of a file of `NAME=value` lines.

    django-environ reads the lines (quotes and escapes are its own); what it would skip with a
    log message is refused here.

    Raises:
        ConfigurationError: the file cannot be read, is not UTF-8, or has a line that sets nothing.
    """
    text = read_text(path, shown_path)
    for number in list_invalid_lines(text):
        raise ConfigurationError(
            f"Line {number} of {shown_path} is not valid: a line must be NAME=value, a "
            "comment that starts with #, or empty."
        )
    return parse_variables(text)


def list_invalid_lines(text: str) -> Iterator[int]:
    """Yield the number, from 1, of each line that neither sets anything nor is a comment."""
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if bare and not bare.startswith("#") and not LINE.match(bare):
            yield number


def parse_variables(text: str) -> dict[str, str]:
    """Return name → value; of two lines with one name the last counts, as in a shell."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if LINE.match(line)]
    content = "\n".join(re.sub(r"\Aexport\s+", "export ", line) for line in lines)

    class FileEnv(environ.Env):  # type: ignore[misc]  # environ has no types
        ENVIRON: dict[str, str] = {}  # its own: os.environ would pass secrets to child processes

    FileEnv.read_env(io.StringIO(content))
    return FileEnv.ENVIRON


def read_secret_file(name: str, path: Path) -> str:
    """Return the content of the file that `name` (`<NAME>_FILE`) names, without its last newline.

    Raises:
        ConfigurationError: the file cannot be read, is not UTF-8, or is empty.
    """
    variable = name.removesuffix("_FILE")
    text = read_text(path, f"the file in {name}", variable).removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise ConfigurationError(
            f"The file '{path}' in {name} is empty; write the value to it, or remove {name}.",
            variable,
        )
    return text


def read_text(path: Path, called: str, *names: str) -> str:
    """Return the text of a file, without a byte order mark.

    Raises:
        ConfigurationError: it cannot be read, or is not UTF-8; `called` says what it is, `names`
            which variables it is about.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"'{path}' ({called}) is not valid UTF-8 at byte {error.start + 1}; save it as UTF-8.",
            *names,
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"'{path}' ({called}) cannot be read ({error.strerror}); correct the path or its "
            "permissions.",
            *names,
        ) from None
