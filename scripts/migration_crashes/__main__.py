"""`make crash-migrate`: kill -9 at random moments of `migrate_safely`.

    --kills 30                how often
    --database sqlite|libsql
    --victim command|server   what is killed: the command, or the libSQL server
    --seed 1

A database with the demo content is taken back to an older schema. Then it is migrated forwards
again and again from there: the product's migrations, and four of a planted app, two of them slow
and one of them not atomic. After each kill, schema and rows must be those of a whole number of
migrations; where the one that is not atomic was cut, the next run has to restore the backup first.
A second run must end well, with the schema and the rows of a run that nobody has disturbed.
Status 1 where that is not so once.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # launch
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project's packages

from launch.sqld import Server

ROOT: Final = Path(__file__).resolve().parent.parent.parent
MANAGE: Final = ROOT / "tests" / "support" / "planted" / "manage.py"
STARTING_POINT: Final = "prompts.0005"
PREPARING: Final = 0.2  # how often a kill is meant for a run that has not begun to migrate
HALF: Final = "planted.0003_pieces"
# What a run writes besides its migrations, each time with other numbers.
NOT_COMPARED: Final = frozenset({"django_content_type", "auth_permission"})
PROJECTED: Final = {
    "auth_group_permissions": (
        "SELECT g.name, p.codename FROM auth_group_permissions AS m "
        "JOIN auth_group AS g ON g.id = m.group_id JOIN auth_permission AS p "
        "ON p.id = m.permission_id ORDER BY 1, 2"
    ),
    "django_migrations": "SELECT app, name FROM django_migrations ORDER BY id",
    "prompt_search": "SELECT rowid, * FROM prompt_search ORDER BY rowid",
}


class State(NamedTuple):
    """What is compared."""

    schema: dict[object, object]
    """Everything in sqlite_master, read so that the order of columns makes no difference."""
    rows: dict[object, Any]
    """All rows of each table."""

    @property
    def applied(self) -> list[str]:
        """Migrations in the order in which they were applied."""
        return [".".join(row) for row in self.rows["django_migrations"]]


class Crashes:
    """One test: a database that is put back, and runs that are killed."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.folder = folder
        self.random = random.Random(options.seed)  # noqa: S311 (moments)
        self.server: Server | None = None
        self.file = folder / "test.sqlite3"
        url = f"sqlite:///{self.file}"
        if options.database == "libsql":
            self.server = Server(folder / "libsql").start()
            url = self.server.url
        empty = folder / "empty.env"
        empty.write_text("")
        self.environment = {
            **os.environ,
            "DATABASE_URL": url,
            "ENV_FILE": str(empty),
            "PLANTED": "good",
        }
        os.environ |= self.environment | {"DJANGO_SETTINGS_MODULE": "autoforge.settings"}
        import django

        django.setup()
        self.errors: list[str] = []
        self.outcomes: dict[str, int] = {}

    def close(self) -> None:
        """End what was started."""
        if self.server is not None:
            self.server.kill()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, str(MANAGE), *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def migrate(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `migrate_safely`."""
        backups = str(self.folder / "backups")
        return self.start(
            "migrate_safely", "--yes", "--backup-to", backups, "--format", "json", *arguments
        )

    def run(self, process: subprocess.Popen[str]) -> str:
        """Wait for a command that must end well; return what it prints."""
        output, errors = process.communicate()
        if process.returncode:
            raise SystemExit(f"{process.args!r}: status {process.returncode}\n{output}{errors}")
        return output

    def prepare(self) -> None:
        """Make the database that every run begins with, and look at each state on the way."""
        (self.folder / "backups").mkdir()
        self.run(self.migrate())
        self.run(self.start("load_demo"))
        self.run(self.migrate("--to", "planted.zero"))
        self.run(self.migrate("--to", STARTING_POINT))
        self.save("before")
        self.states = [self.look()]
        while True:
            report = json.loads(self.run(self.migrate("--steps", "1")))
            if report["outcome"] == "nothing to do":
                break
            self.states.append(self.look())
        self.save("stepwise")
        self.put_back("before")
        process = self.migrate()
        began = time.monotonic()
        self.read_until_begun(process)
        self.starting_seconds = time.monotonic() - began
        self.run(process)
        self.seconds = time.monotonic() - began - self.starting_seconds
        self.final = self.look()
        if self.final != self.states[-1]:
            differences = self.describe(self.states[-1], self.final)
            self.errors.append(f"one run and single steps do not end alike: {differences}")
        print(
            f"{len(self.states) - 1} migrations, {self.seconds:.1f} s without a kill, after "
            f"{self.starting_seconds:.1f} s of preparation",
            flush=True,
        )

    def read_until_begun(self, process: subprocess.Popen[str]) -> None:
        """Read what a run says until it has made its backup: the first migration comes next."""
        assert process.stderr is not None  # noqa: S101 (for types: it is a pipe)
        for line in process.stderr:
            if line.startswith("Backup: "):
                return

    def save(self, name: str) -> None:
        """Keep the database as it is."""
        self.disconnect()
        target = self.folder / name
        if self.server is None:
            shutil.copy(self.file, target)
            return
        self.server.stop()
        shutil.copytree(self.server.folder, target)
        self.server.start()

    def put_back(self, name: str) -> None:
        """Put the database back as it was kept."""
        self.disconnect()
        if self.server is None:
            for file in self.folder.glob("test.sqlite3*"):
                file.unlink()
            shutil.copy(self.folder / name, self.file)
            return
        self.server.kill()
        shutil.rmtree(self.server.folder)
        shutil.copytree(self.folder / name, self.server.folder)
        self.server.start()

    def disconnect(self) -> None:
        """Close our own connection."""
        from django.db import connection

        connection.close()

    def look(self) -> State:
        """Read the database whole."""
        from django.db import connection

        from core.database.ddl import parse
        from core.database.schemas import SCHEMA, read_schema

        queries = dict(PROJECTED)
        with connection.cursor() as cursor:
            cursor.execute(SCHEMA)
            schema: dict[object, object] = {}
            for key, sql in read_schema(cursor.fetchall()).items():
                statement = parse(sql)
                schema[key] = statement
                if statement is None or statement.name in NOT_COMPARED:
                    continue
                if statement.kind == "table":
                    columns = ", ".join(f'"{column}"' for column in sorted(statement.columns))
                    table = f'"{statement.name}"'
                    query = f"SELECT {columns} FROM {table} ORDER BY {columns}"  # noqa: S608 (names of its own)  # nosec B608
                    queries.setdefault(statement.name, query)
            rows: dict[object, Any] = {}
            for name, sql in queries.items():
                cursor.execute(sql)
                rows[name] = cursor.fetchall()
            cursor.execute("PRAGMA integrity_check")
            if cursor.fetchall() != [("ok",)]:
                self.errors.append("the integrity check fails")
        self.disconnect()
        return State(schema=schema, rows=rows)

    def describe(self, one: State, other: State) -> str:
        """Return where two states differ."""
        parts = []
        pairs = (("schema", one.schema, other.schema), ("rows", one.rows, other.rows))
        for kind, before, after in pairs:
            keys = before.keys() | after.keys()
            parts += [f"{kind} of {key}" for key in keys if before.get(key) != after.get(key)]
        return ", ".join(parts)

    def work(self) -> None:
        """Kill as often as asked."""
        self.prepare()
        for number in range(1, self.options.kills + 1):
            self.put_back("before")
            moment = self.random.uniform(0.0, self.seconds)
            if self.random.random() < PREPARING:
                moment = -self.random.uniform(0.0, self.starting_seconds)
            verdict = self.kill_once(moment)
            self.outcomes[verdict] = self.outcomes.get(verdict, 0) + 1
            print(f"{number}: {_say(moment)}: {verdict}", flush=True)

    def kill_once(self, moment: float) -> str:
        """Kill a run, look, and let a second one end; return what was there.

        Args:
            moment: seconds after the first migration begins; below 0: after the program begins.
        """
        process = self.migrate()
        if moment >= 0:
            self.read_until_begun(process)
        try:
            process.wait(abs(moment))
        except subprocess.TimeoutExpired:
            victim = self.server if self.options.victim == "server" else None
            (victim or process).kill()
        _output, errors = process.communicate()
        if self.options.victim == "server" and self.server is not None:
            self.server.kill()
            self.server.start()
        if "Traceback" in errors or "this is a bug" in errors:
            self.errors.append(f"{_say(moment)}: {errors.strip()[-400:]}")
        state = self.look()
        verdict = self.judge(state, moment)
        second = self.migrate("--wait", "20")
        output, errors = second.communicate()
        if second.returncode:
            self.errors.append(f"{_say(moment)}, second run: {output[-400:]}{errors[-400:]}")
        last = self.look()
        if last != self.final:
            differences = self.describe(self.final, last)
            self.errors.append(f"{_say(moment)}, the second run ends otherwise: {differences}")
        return verdict

    def judge(self, state: State, moment: float) -> str:
        """Return which state it is; anything between two migrations is a fault."""
        for number, known in enumerate(self.states):
            if state == known:
                return f"{number} of {len(self.states) - 1} migrations"
        count = len(state.applied) - len(self.states[0].applied)
        following = self.states[count + 1].applied[-1] if count + 1 < len(self.states) else ""
        if following == HALF:
            return f"within {HALF}, which is not atomic"
        differences = self.describe(self.states[count], state)
        self.errors.append(f"{_say(moment)}: {count} migrations, but {differences}")
        return "HALF"


def _say(moment: float) -> str:
    if moment < 0:
        return f"{-moment:.2f} s after its start"
    return f"{moment:.2f} s after its backup"


def main() -> int:
    """Run the test; return 0 where nothing was ever half done."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--victim", choices=("command", "server"), default="command")
    parser.add_argument("--database", choices=("sqlite", "libsql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.victim == "server":
        options.database = "libsql"
    with tempfile.TemporaryDirectory() as name:
        crashes = Crashes(options, Path(name))
        try:
            crashes.work()
        finally:
            crashes.close()
    for verdict, count in sorted(crashes.outcomes.items()):
        print(f"{count} times {verdict}")
    for error in crashes.errors:
        print(f"! {error}")
    print(
        f"{options.victim} of {options.database}: {options.kills} kills, "
        f"{len(crashes.errors)} faults"
    )
    return 1 if crashes.errors else 0


if __name__ == "__main__":
    sys.exit(main())
