"""Who takes part, in which environment, and what is known of each."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from launch.tools import ROOT

__all__ = ["DBAPI", "DJANGO", "OURS", "REPLICA", "SQLITE", "Contender", "environment"]

OURS: Final = "ours"
REPLICA: Final = "ours, replica"
SQLITE: Final = "SQLite"
HTTP: Final = "http"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """A client of the database."""

    name: str
    """As shown."""
    packages: Sequence[str] = ()
    """What its environment holds, pinned; empty: ours."""
    engine: str = ""
    """Django's ENGINE."""
    scheme: str = HTTP
    """Of the address that it takes."""
    has_transactions: bool = True
    """Whether atomic() really is a transaction of the database's."""
    has_replica: bool = False
    """Whether it reads from a copy beside it."""
    note: str = ""
    """What to know when reading its numbers."""


DJANGO: Final = (
    Contender(name=SQLITE, engine="django.db.backends.sqlite3", note="a file: the limit"),
    Contender(name=OURS, engine="django_hrana"),
    Contender(
        name=REPLICA,
        engine="django_hrana",
        has_replica=True,
        note="reads from a file beside it where that is fresh; round trips with its own questions",
    ),
    Contender(
        name="django-libsql-backend",
        packages=("django-libsql-backend==0.1.3", "django==5.2.19"),
        engine="django_libsql",
        has_transactions=False,
        note=(
            "no transactions: writes are buffered until the commit and sent in one request, so "
            "reads inside atomic() do not see them, and concurrent updates are lost"
        ),
    ),
    Contender(
        name="django-libsql",
        packages=("django-libsql==0.1.3", "django==5.0.14"),
        engine="libsql.db.backends.sqlite3",
        scheme="ws",
        note="runs on Django 5.0 at most and lacks Django's SQL functions",
    ),
)
DBAPI: Final = (
    Contender(name=SQLITE, engine="sqlite3", note="a file: the limit"),
    Contender(name=OURS, engine="ours"),
    Contender(name="libsql", packages=("libsql==0.1.11",), engine="libsql"),
    Contender(name="libsql-client", packages=("libsql-client==0.3.1",), engine="libsql-client"),
    Contender(
        name="turso-serverless", packages=("turso-serverless==0.1.0",), engine="turso-serverless"
    ),
)


def environment(contender: Contender) -> Path:
    """Return the Python of a contender; its environment is made the first time.

    Raises:
        RuntimeError: it could not be installed.
    """
    if not contender.packages:
        return Path(sys.executable)
    folder = ROOT / f".venv-bench-{contender.name}"
    python = folder / "bin" / "python"
    # Written last: an installation that was interrupted is repeated.
    marker = folder / "installed.txt"
    packages = "\n".join(contender.packages)
    if marker.exists() and marker.read_text() == packages:
        return python
    _run_uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
    _run_uv("pip", "install", "--quiet", "--python", str(python), *contender.packages)
    marker.write_text(packages)
    return python


def _run_uv(*arguments: str) -> None:
    uv = Path(sys.prefix) / "bin" / "uv"
    result = subprocess.run(  # noqa: S603 (our own)
        [str(uv), *arguments], capture_output=True, text=True, check=False
    )
    if result.returncode:
        lines = result.stderr.strip().splitlines()
        raise RuntimeError(lines[-1] if lines else "uv printed no reason")
