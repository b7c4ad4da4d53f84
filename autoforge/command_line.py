"""The command line: `autoforge` where it is installed, `manage.py` in a checkout.

Django's own; how it ends, and what it says then, is in `autoforge.command_ending`.
"""

import atexit
import gc
import os
import sys
import warnings
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Final

from autoforge import __version__
from autoforge.command_ending import run_to_end

__all__ = ["main"]

# Django, once loaded, is a million objects that stay. To look through them at every 700 new ones,
# as Python does, is a fifth of the time that a command takes; what a command makes is no garbage.
GARBAGE_THRESHOLD = 500_000
SERVERS = ("runserver", "run_huey")  # they live long, and requests leave garbage: as Python does


# They tell of packages that are missing, or of an environment that no settings can be made of.
BEFORE_DJANGO: Final = {
    "doctor": "autoforge.doctor.command",
    "env": "autoforge.operations.env_files.command",
}


def main() -> int:
    """Run the command and return its exit status.

    Returns:
        2 with one line on standard error where a package is missing, the environment or the
        settings are wrong, or the database does not answer or refuses what we ask (a command for
        which another status means that names it as `exit_status` of the error); 130 after Ctrl-C,
        143 after SIGTERM; what the command itself chose otherwise.
    """
    _collect_less_garbage()
    # Migrations are written without a database too; none is made for it.
    warnings.filterwarnings("ignore", message="Got an error checking .*unable to open database")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autoforge.settings")
    return run_to_end(sys.argv[1:], _run)


def _run() -> int:
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in BEFORE_DJANGO:
        command = import_module(BEFORE_DJANGO[name])
        return int(command.main(sys.argv[2:], f"{Path(sys.argv[0]).name} {name}"))
    import django  # may be missing

    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"AutoForge {__version__} on Django {django.get_version()}\n")
        return 0
    _execute()
    return 0


def _execute() -> None:
    import django
    from django.core.management import execute_from_command_line

    if sys.argv[1:2] in (["migrate"], ["migrate_safely"]):
        _make_data_folder()
    if sys.argv[1:2] == ["runserver"] and not {"-h", "--help"} & set(sys.argv):
        # Its reloader would show what is wrong with a traceback, and then wait for a change.
        django.setup()
        _try_services()
    execute_from_command_line(sys.argv)


def _try_services() -> None:
    from django.core.cache import caches
    from django.db import connection

    caches["default"]  # its package may be missing; Redis itself may be away
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    connection.close()


def _collect_less_garbage() -> None:
    if sys.argv[1:2] not in [[name] for name in SERVERS]:
        gc.set_threshold(GARBAGE_THRESHOLD)
    atexit.register(gc.freeze)  # nor once more at the end


def _make_data_folder() -> None:
    """Make `data/`, where the database is unless DATABASE_URL says otherwise.

    A checkout brings the folder along; an installed copy begins in any folder, also an empty one.
    A folder that DATABASE_URL names is never made: it may be mistyped.
    """
    from django.conf import settings  # Django may be missing

    folder = settings.BASE_DIR / "data"
    if Path(settings.DATABASES["default"]["NAME"]).parent == folder:
        with suppress(OSError):  # a system check says it in a sentence
            folder.mkdir(mode=0o700, exist_ok=True)
