"""A migrated database that is made once and copied by every process that tests.

The migrations take seconds, and each process needs a database of its own. The first one keeps what
they made in `.cache/`, under a name that changes with whatever they depend on; should that ever be
too little, Django's own `migrate` still runs on the copy and adds what is missing.
"""

import fcntl
import hashlib
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import django
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from launch.sqld import Server

__all__ = ["NAMESPACE", "copy_file", "copy_server"]

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / ".cache" / "migrated"
NAMESPACE = "autoforge-tests"


def copy_file(target: Path) -> None:
    """Put a migrated SQLite file where none is yet."""
    _copy("sqlite", target, _migrate)


def copy_server(target: Path) -> None:
    """Put the folder of a libSQL server with a migrated database where none is yet."""
    _copy("libsql", target, _migrate_on_a_server)


def _copy(kind: str, target: Path, make: Callable[[Path], None]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    kept = FOLDER / f"{kind}-{_fingerprint()}"
    with (FOLDER / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the other processes wait: copying is quicker
        if not kept.exists():
            _remove(FOLDER.glob(f"{kind}-*"))
            unfinished = FOLDER / f"{kind}-unfinished"
            make(unfinished)
            unfinished.rename(kept)
        copy = shutil.copytree if kept.is_dir() else shutil.copy  # its mode too
        copy(kept, target)


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _fingerprint() -> str:
    """Return what changes with every file that says what a migrated database looks like."""
    versions = (sys.version, django.__version__, sqlite3.sqlite_version)
    digest = hashlib.sha256(repr(versions).encode())
    for path in sorted(set(_sources())):
        digest.update(f"{path}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:20]


def _sources() -> Iterator[Path]:
    yield from (ROOT / "autoforge" / "db").rglob("*.py")
    for app in apps.get_app_configs():
        for path in Path(app.path).rglob("*.py"):
            if {"migrations", "models", "models.py", "apps.py"} & set(path.parts):
                yield path


def _migrate(database: Path | str) -> None:
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = str(database)
    try:
        call_command("migrate", verbosity=0, interactive=False)
    finally:
        connection.close()  # nothing of it is left in a journal
        connection.settings_dict["NAME"] = name


def _migrate_on_a_server(folder: Path) -> None:
    server = Server(folder, namespaces=True, idle_seconds=600).start()
    try:
        server.create(NAMESPACE)
        _migrate(f"{server.url}?namespace={NAMESPACE}")
        server.stop()  # in order: what is copied is complete
    finally:
        server.kill()
