"""`make bench-db`: time and round trips of the libSQL backend, beside SQLite and other clients.

Everything is measured in this one run: on loopback, and through a proxy with 20 ms each way. A
fresh server for each contender, short turns that alternate between them, medians; ratios compare
the fastest turns. Then crowds of threads through the proxy, in turns with clients that never wait;
and tasks of an event loop, beside Django's way.

    --only orm,dbapi,crowds,async   what is measured
    --crowd-seconds 60              how long crowds and tasks ask in each round
    --crowd-rounds 1                how often they take turns
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this package
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))  # launch
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project's packages

from database.contenders import DBAPI, DJANGO, Contender
from database.crowd import ROUNDS as CROWD_ROUNDS
from database.crowd import Crowd, list_missed, measure_crowds, print_crowds
from database.measurement import DELAY_SECONDS, Competitor, measure
from database.report import list_missed_targets, print_table, print_targets, to_json
from database.tasks import Tasks, list_missed_by_tasks, measure_tasks, print_tasks

PARTS: Final = ("orm", "dbapi", "crowds", "async")
ROUNDS: Final = 3
CROWD_SECONDS: Final = 3.0
# How often an operation is run in a round: on loopback, and through the proxy. Slow ones seldom,
# so that all of it takes minutes.
DJANGO_OPERATIONS: Final = {
    "get by key": (400, 5),
    "empty atomic()": (100, 5),
    "write outside of atomic()": (50, 5),
    "create in atomic()": (50, 5),
    "atomic get, save, nested create": (30, 3),
    "bulk_create 1000": (3, 2),
    "fetch 10,000 rows": (10, 2),
    "iterator() 10,000 rows": (10, 2),
    "get_or_create, new": (30, 3),
    "admin changelist, 100 users": (6, 6),
}
DBAPI_OPERATIONS: Final = {
    "SELECT by key": (200, 5),
    "BEGIN, INSERT, COMMIT": (50, 5),
    "the same, 1000 rows in one": (5, 3),
    "the same, executemany 1000": (3, 1),
    "fetch 10,000 rows": (4, 2),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a target is missed, else 0."""
    parser = argparse.ArgumentParser(prog="make bench-db", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a single round, with only our backend and SQLite"
    )
    parser.add_argument("--only", default=",".join(PARTS), type=_read_parts)
    parser.add_argument("--crowd-seconds", type=float, default=CROWD_SECONDS)
    parser.add_argument("--crowd-rounds", type=int, default=CROWD_ROUNDS)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    options = parser.parse_args(arguments)
    django, dbapi = DJANGO, DBAPI
    rounds = ROUNDS
    if options.quick:
        django, dbapi = _without_packages(django), _without_packages(dbapi)
        rounds = 1
    tables: dict[str, list[Competitor]] = {}
    crowds: list[Crowd] = []
    tasks: list[Tasks] = []
    missed: list[str] = []
    if "orm" in options.only:
        tables["Django's ORM"] = measure("django", django, DJANGO_OPERATIONS, rounds)
        missed += list_missed_targets(tables["Django's ORM"])
    if "dbapi" in options.only:
        tables["DB-API"] = measure("dbapi", dbapi, DBAPI_OPERATIONS, rounds)
    crowd_rounds = min(options.crowd_rounds, 1) if options.quick else options.crowd_rounds
    if "crowds" in options.only:
        crowds = measure_crowds(options.crowd_seconds, DELAY_SECONDS, rounds=crowd_rounds)
        missed += list_missed(crowds)
    if "async" in options.only:
        tasks = measure_tasks(options.crowd_seconds, DELAY_SECONDS, rounds=crowd_rounds)
        missed += list_missed_by_tasks(tasks)
    if options.format == "json":
        _print_json(tables, crowds, tasks)
    else:
        for title, competitors in tables.items():
            print_table(title, competitors)
        print_crowds(crowds)
        print_tasks(tasks)
        print_targets(missed)
    return 1 if missed else 0


def _print_json(
    tables: Mapping[str, Sequence[Competitor]], crowds: Sequence[Crowd], tasks: Sequence[Tasks]
) -> None:
    measurements: dict[str, Any] = {}
    for title, competitors in tables.items():
        measurements[title] = to_json(competitors)
    measurements["crowds"] = [crowd.to_json() for crowd in crowds]
    measurements["async"] = [part.to_json() for part in tasks]
    print(json.dumps(measurements, indent=2))


def _read_parts(text: str) -> list[str]:
    parts = text.split(",")
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise argparse.ArgumentTypeError(f"{sorted(unknown)} is none of {', '.join(PARTS)}")
    return parts


def _without_packages(contenders: Sequence[Contender]) -> tuple[Contender, ...]:
    """Return the contenders for which nothing has to be installed."""
    return tuple(contender for contender in contenders if not contender.packages)


if __name__ == "__main__":
    sys.exit(main())
