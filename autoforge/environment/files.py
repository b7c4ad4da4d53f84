"""Reading of files: the file of variables, and files that hold one secret each."""

import io
import re
from pathlib import Path

import environ

from autoforge.environment.errors import ConfigurationError

__all__ = ["read_secret_file", "read_variables"]

LINE = re.compile(r"(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*=.*\Z")


def read_variables(path: Path, shown_path: str) -> dict[str, str]:
    """Return name → value of a file of `NAME=value` lines.

    django-environ reads the lines (quotes and escapes are its own); what it would skip with a
    log message is refused here.

    Raises:
        ConfigurationError: the file cannot be read, is not UTF-8, or has a line that sets nothing.
    """
    lines = [line.strip() for line in _read(path, shown_path).splitlines()]
    for number, line in enumerate(lines, start=1):
        if line and not line.startswith("#") and not LINE.match(line):
            raise ConfigurationError(
                f"Line {number} of {shown_path} is not valid: a line must be NAME=value, a "
                "comment that starts with #, or empty."
            )
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
    text = _read(path, f"the file in {name}").removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise ConfigurationError(
            f"The file '{path}' in {name} is empty; write the value to it, or remove {name}."
        )
    return text


def _read(path: Path, called: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"'{path}' ({called}) is not valid UTF-8 at byte {error.start + 1}; save it as UTF-8."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"'{path}' ({called}) cannot be read ({error.strerror}); correct the path or its "
            "permissions."
        ) from None
