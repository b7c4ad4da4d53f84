"""`manage.py evaluate` in this process, on a database that is thrown away."""

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Refused", "database", "evaluate"]


class Refused(Exception):
    """The command took the file for wrong."""


@contextlib.contextmanager
def database() -> Iterator[None]:
    """Have Django on a new database, as long as it lasts."""
    with tempfile.TemporaryDirectory() as name:
        empty = Path(name) / "empty.env"
        empty.touch()
        os.environ |= {
            "DATABASE_URL": f"sqlite:///{name}/differential.sqlite3",
            "ENV_FILE": str(empty),
            "DJANGO_SETTINGS_MODULE": "autoforge.settings",
        }
        import django  # after the settings are known
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield


def evaluate(config: Path, out: Path) -> list[str]:
    """Evaluate a configuration into promptfoo's structure; return what was said of it.

    Raises:
        Refused: it is wrong; says why.
    """
    from django.core.management import CommandError, call_command

    errors = io.StringIO()
    # Without earlier answers, as promptfoo is run: what is sent is compared.
    fields = {
        "format": "promptfoo",
        "output": str(out),
        "no_cache": True,
        "stderr": errors,
        "stdout": io.StringIO(),
    }
    try:
        call_command("evaluate", str(config), **fields)
    except SystemExit:
        pass  # an answer failed, or is an error
    except CommandError as error:
        raise Refused(str(error)) from error
    return errors.getvalue().splitlines()
