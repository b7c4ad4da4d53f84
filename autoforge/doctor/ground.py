"""What everything stands on: Python, packages, the environment. No package is needed for it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from autoforge.doctor.findings import Finding, NotCheckedError, Options, fine, problem
from autoforge.packages import explain_missing, find_remedy, list_unmet

__all__ = ["check_environment", "check_packages", "check_program", "check_python"]

OLDEST: Final = (3, 11)
MOST_NAMED: Final = 5


def check_python(_options: Options) -> Iterator[Finding]:
    """Look at the version of Python."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST:
        remedy = "Install Python 3.11 or newer, then run `make setup`."
        yield problem("python", f"Python {version} is too old: AutoForge needs 3.11", remedy)
        return
    yield fine("python", f"Python {version}")


def check_packages(options: Options) -> Iterator[Finding]:
    """Compare what is installed with what the product was tested with."""
    file = options.root / "requirements.txt"
    if not file.is_file():
        raise NotCheckedError("there is no requirements.txt here, as in an installed copy")
    unmet = list_unmet(file)
    local = options.root / "requirements-local.in"  # our own packages
    if local.is_file():
        unmet += list_unmet(local)
    if not unmet:
        yield fine("packages", "every package is there, in its version")
        return
    named = "; ".join(map(str, unmet[:MOST_NAMED]))
    if len(unmet) > MOST_NAMED:
        named += f"; and {len(unmet) - MOST_NAMED} more"
    remedy = find_remedy()
    yield problem("packages", named, f"{remedy[:1].upper()}{remedy[1:]}.")


def check_environment(options: Options) -> Iterator[Finding]:
    """Read the environment as the product does."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autoforge.settings")
    try:
        from django.conf import settings
        from django.core.exceptions import ImproperlyConfigured
    except ImportError as error:
        raise NotCheckedError(_say_missing(error)) from error
    try:
        settings.INSTALLED_APPS  # noqa: B018 (asking for one reads them all)
    except ImproperlyConfigured as error:
        for sentence in _list_problems(options.root) or [str(error)]:
            yield problem("environment", *_split(sentence))
        return
    except ImportError as error:
        raise NotCheckedError(_say_missing(error)) from error
    file: Path | None = settings.ENVIRONMENT.file
    where = "no file is read" if file is None else f"with {file.name}"
    yield fine("environment", f"{settings.APP_ENV}, {where}")


def _list_problems(root: Path) -> list[str]:
    """Return all that is wrong; the settings stop at the first."""
    from autoforge.operations.env_files.process import list_process_problems

    return list_process_problems(os.environ, root)


def check_program(_options: Options) -> Iterator[Finding]:
    """Load the program with all its apps."""
    import django
    from django.apps import apps

    try:
        if not apps.ready:  # else logging would be set up once more, under whoever asks
            django.setup()
    except ImportError as error:
        missing = explain_missing(error)
        if missing is None:
            raise
        cause, remedy = _split(missing)
        yield problem("program", cause, remedy)
        return
    yield fine("program", f"AutoForge on Django {django.get_version()}")


def _say_missing(error: ImportError) -> str:
    sentence = explain_missing(error)
    if sentence is None:
        raise error
    return _split(sentence)[0]


def _split(sentence: str) -> tuple[str, str]:
    """Return cause and remedy of a sentence that has both."""
    sentence = sentence.rstrip(".")
    mark = "; " if "; " in sentence else ". "
    cause, _, remedy = sentence.partition(mark)
    return cause, f"{remedy[:1].upper()}{remedy[1:]}." if remedy else ""
