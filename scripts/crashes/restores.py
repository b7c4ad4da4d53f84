"""`make crash-restore`: kill -9 at random moments of restorations; never a half database.

    --kills 30               how often, on each of the ways below
    --database sqlite|libsql|both
    --victim command|server|both   what is killed: `manage.py restore_database`, or the server
    --seed 1

A database in use gets the content of a backup, with --replace, and is killed on the way. Each time
every table is read: all of the old content, or all of the new one. In the end a restoration that
nobody kills succeeds, and nothing of those before it is left. Status 1 where one of this is not so.
"""

import argparse
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Final

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # launch
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project's packages

from launch.sqld import Server

ROOT: Final = Path(__file__).resolve().parent.parent.parent
ROWS: Final = 3_000
TEXT_BYTES: Final = 2_000  # some megabytes in all: the work takes as long as the program's start
LATE: Final = 0.7  # how often a kill is meant for the moment of the switch
INTEGRITY: Final = "PRAGMA integrity_check"


class Target:
    """A database that is restored into, and killed."""

    def __init__(self, kind: str, folder: Path) -> None:
        from autoforge.operations.backups.locations import parse_location
        from autoforge.operations.backups.making import write_backup

        self.server: Server | None = None
        self._before: object = None
        source = folder / "source.sqlite3"
        url = f"sqlite:///{folder / 'team.sqlite3'}"
        if kind == "libsql":
            self.server = Server(folder / "libsql").start()
            url = self.server.url
        self.location = parse_location(url)
        self.environment = {**os.environ, "DATABASE_URL": url}
        _migrate(source)
        self.files = {}
        for name, letter in (("old", "o"), ("new", "n")):
            _fill(source, letter)
            path = folder / f"{name}.backup.zst"
            write_backup(parse_location(f"sqlite:///{source}"), path)
            self.files[name] = path
        self.restore("old")
        self.old = self.hashes()
        started = time.monotonic()
        self.restore("new")
        self.seconds = time.monotonic() - started
        self.new = self.hashes()

    def close(self) -> None:
        """End the server."""
        if self.server is not None:
            self.server.kill()

    def restore(self, name: str) -> None:
        """Restore, without a kill.

        Raises:
            SystemExit: it failed.
        """
        process = self.start(name)
        _, errors = process.communicate()
        if process.returncode:
            raise SystemExit(f"restore_database: {errors}")

    def start(self, name: str) -> subprocess.Popen[str]:
        """Start a restoration."""
        path = str(self.files[name])
        return subprocess.Popen(  # noqa: S603 (our own program)
            [
                sys.executable,
                "manage.py",
                "restore_database",
                path,
                "--replace",
                self.location.name,
            ],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def hashes(self) -> dict[str, object]:
        """Return count and hash of each table."""
        from autoforge.operations.backups.reading import hash_tables, open_reader

        with open_reader(self.location) as reader:
            return {**hash_tables(reader)}

    def find_state(self) -> str:
        """Return which content is there: old, new or half."""
        content = self.hashes()
        if content == self.old:
            return "old"
        return "new" if content == self.new else "half"

    def integrity(self) -> str:
        """Return "ok", or what is wrong with the database."""
        from autoforge.operations.backups.reading import open_reader

        with open_reader(self.location) as reader:
            return str(reader.query(INTEGRITY)[0][0])

    def mark(self) -> None:
        """Remember what the database looks like before the next restoration."""
        self._before = self._sign()

    def has_begun(self) -> bool:
        """Whether the restoration has begun to change the database since then."""
        return self._sign() != self._before

    def _sign(self) -> object:
        if self.location.path is None:
            # Its last table is there: it reads all of them back, and switches.
            return any(name.endswith("_backup_records") for name in self.leftovers())
        log = self.location.path.with_name(f"{self.location.path.name}-wal")
        return log.stat().st_mtime_ns if log.exists() else 0

    def leftovers(self) -> list[str]:
        """Return what is left of restorations."""
        from autoforge.operations.backups.reading import open_reader
        from autoforge.operations.backups.schema import list_leftovers

        with open_reader(self.location) as reader:
            return list_leftovers(reader.query)


def _migrate(path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{path}"}
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)  # noqa: S603 (our own program)


def _fill(path: Path, letter: str) -> None:
    """Give every row of a large table another content."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM django_session")
        rows = [
            (f"{letter}{number}", letter * TEXT_BYTES, "2030-01-01 00:00:00")
            for number in range(ROWS)
        ]
        connection.executemany(
            "INSERT INTO django_session (session_key, session_data, expire_date) VALUES (?, ?, ?)",
            rows,
        )


def kill_at(
    target: Target, process: subprocess.Popen[str], *, victim: str, seconds: float, is_late: bool
) -> bool:
    """Kill after so many seconds; return whether it was killed before it had ended by itself.

    Args:
        target: what is restored into.
        process: the restoration.
        victim: "command" or "server".
        seconds: from its start, or from when it has begun to change the database.
        is_late: whether from the latter.
    """
    while is_late and process.poll() is None and not target.has_begun():
        time.sleep(0.005)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        was_killed = True
        if victim == "server" and target.server is not None:
            target.server.kill()
            target.server.start()
        else:
            process.kill()
    else:
        was_killed = False
    process.communicate()
    return was_killed


def kill_often(
    target: Target, *, kills: int, victim: str, moments: random.Random
) -> tuple[Counter[str], list[str]]:
    """Kill as often as asked; return how often what was there afterwards, and what went wrong."""
    seen: Counter[str] = Counter()
    errors = []
    target.restore("old")
    latest = 0.5  # seconds after it has begun to change the database; adapted below
    while seen.total() < kills:
        is_late = moments.random() < LATE
        seconds = moments.uniform(0, latest if is_late else target.seconds)
        target.mark()
        process = target.start("new")
        was_killed = kill_at(target, process, victim=victim, seconds=seconds, is_late=is_late)
        state = target.find_state()
        if is_late:  # towards the moment at which it ends, however busy the machine is
            latest *= 1.2 if state == "old" else 0.6
        is_wrong = state == "half" or (process.returncode == 0 and state != "new")
        if is_wrong or target.integrity() != "ok":
            errors.append(
                f"{victim}: {state} after kill {seen.total()}, status {process.returncode}, "
                f"integrity {target.integrity()}"
            )
        if was_killed:
            seen[state] += 1
        if state != "old":
            target.restore("old")
    target.restore("new")
    if target.hashes() != target.new:
        errors.append(f"{victim}: a restoration that nobody killed has another content")
    if target.leftovers():
        errors.append(f"{victim}: {len(target.leftovers())} tables are left")
    return seen, errors


def main() -> int:
    """Kill; return 0 if nothing was ever half."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--database", choices=("sqlite", "libsql", "both"), default="both")
    parser.add_argument("--victim", choices=("command", "server", "both"), default="both")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    failed = 0
    kinds = ("sqlite", "libsql") if options.database == "both" else (options.database,)
    folder = Path(tempfile.mkdtemp(prefix="autoforge-crashes-"))
    empty = folder / "empty.env"
    empty.write_text("")
    os.environ |= {"ENV_FILE": str(empty), "DJANGO_SETTINGS_MODULE": "autoforge.settings"}
    os.environ["DATABASE_URL"] = f"sqlite:///{folder / 'unused.sqlite3'}"
    try:
        django.setup()
        for kind in kinds:
            (folder / kind).mkdir()
            target = Target(kind, folder / kind)
            try:
                for victim in ("command", "server"):
                    if options.victim not in (victim, "both") or (victim, kind) == (
                        "server",
                        "sqlite",
                    ):
                        continue
                    moments = random.Random(options.seed)  # noqa: S311 (moments)
                    seen, errors = kill_often(
                        target, kills=options.kills, victim=victim, moments=moments
                    )
                    text = ", ".join(f"{seen[state]} {state}" for state in ("old", "new", "half"))
                    print(f"{kind}, {victim} killed {seen.total()} times: {text}")
                    for error in errors:
                        print(f"  {error}")
                    failed += len(errors)
            finally:
                target.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
