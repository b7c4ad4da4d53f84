"""`make mutants`: change deciding code a little, many times, and see whether its tests notice.

ARGS="budget labels"     targets or files; without any, those that differ from main
ARGS="--all"             every target
ARGS="--show"            also what was not noticed, as differences
ARGS="--sample 500"      so many changes of each target, drawn at random: --seed draws others

At least 90 % must be noticed. A change that alters nothing that anybody could see is listed in
`equal.yaml` with its reason and does not count.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # launch, and this package
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project's packages

from launch.terminal import say, set_up, step, strong, warn
from launch.tools import tool_environment

from mutants.targets import BACKEND, BACKEND_TESTS, SOURCES, TARGETS, Target

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PERCENT: Final = 90.0  # of the changes that anybody could see; the rest is printed with --show
WORK: Final = ROOT / ".cache" / "mutants"
EQUAL: Final = Path(__file__).with_name("equal.yaml")
ALSO: Final = ("scripts", "templates", "static", "locale", "manage.py", "docs")
CONFIGURATION: Final = """[mutmut]
source_paths=
{sources}
only_mutate=
{files}
also_copy=
{also}
pytest_add_cli_args_test_selection=
{tests}
pytest_add_cli_args=
    -p
    no:randomly
    -p
    no:cacheprovider
    -p
    mutants.quick_database
    --timeout=600{more}
timeout_constant=10
timeout_multiplier=6
"""  # time-outs far above what a busy machine takes: what is ended by one counts as noticed
UNNOTICED: Final = (
    0,  # everything passed
    5,  # pytest found no test
    33,  # mutmut: no test runs the function
    None,  # not tried
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Survivor:
    """A change that no test noticed."""

    file: str
    removed: str
    added: str

    @classmethod
    def from_diff(cls, file: str, diff: str) -> "Survivor":
        """Return what a unified difference says."""
        removed, added = [], []
        for line in diff.splitlines():
            if line.startswith(("---", "+++")):
                continue  # the names of the two files
            if line.startswith("-"):
                removed.append(line[1:].strip())
            elif line.startswith("+"):
                added.append(line[1:].strip())
        return cls(file=file, removed=" ".join(removed), added=" ".join(added))


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of the changes of one target."""

    target: Target
    possible: int
    """All changes that there are."""
    total: int
    """Those that were tried."""
    noticed: int
    equal: int
    survivors: Sequence[Survivor]

    @property
    def percent(self) -> float:
        """Noticed among those that are not equal."""
        counted = self.total - self.equal
        if counted == 0:
            return 100.0
        return 100.0 * self.noticed / counted


def main() -> int:
    """Change, test, print a table; return 1 where too little was noticed."""
    set_up()
    options = _options()
    targets = _choose_targets(options)
    if not targets:
        say("No file of any target differs from main; specify a target or --all.")
        return 0
    outcomes = [_try(target, options.sample, options.seed) for target in targets]
    _print_table(outcomes)
    if options.show:
        for outcome in outcomes:
            _print_survivors(outcome)
    lowest = min(outcome.percent for outcome in outcomes)
    return 0 if lowest >= PERCENT else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="targets or files")
    parser.add_argument("--all", action="store_true", help="every target")
    parser.add_argument("--show", action="store_true", help="print the surviving mutants")
    parser.add_argument(
        "--sample", type=int, default=0, help="try this many mutants of each target"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed for drawing them (default: 1)")
    return parser.parse_args()


def _choose_targets(options: argparse.Namespace) -> list[Target]:
    if options.all:
        return list(TARGETS)
    names = options.names or _list_changed_files()
    targets = [target for target in TARGETS if target.name in names]
    known = [target.name for target in TARGETS]
    for name in names:
        if name in known:
            continue
        target = _find_target(name)
        if target is not None:
            targets.append(replace(target, name=name, files=(name,)))
        elif options.names:  # a changed file need not be of any target, a typed one does
            listing = ", ".join(known)
            raise SystemExit(f"{name} is neither a target nor a file of one; available: {listing}")
    return targets


def _find_target(file: str) -> Target | None:
    """Return the first target that a file is of."""
    for target in TARGETS:
        if any(fnmatch(file, pattern) for pattern in target.files):
            return target
    return None


def _list_changed_files() -> list[str]:
    command = ["git", "diff", "--name-only", "main"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 (our own command)
    return listed.stdout.split()


def _try(target: Target, sample: int, seed: int) -> Outcome:
    folder = WORK / target.name.replace("/", "-")
    _prepare(folder, target)
    say(f"{strong(target.name)}: {', '.join(target.files)}")
    log = folder / "log.txt"
    with log.open("wb") as stream:
        done = subprocess.run(  # noqa: S603 (our own command)
            [sys.executable, str(Path(__file__).with_name("change.py")), "run", "--max-children=2"],
            cwd=folder,
            env=_environment() | {"MUTANTS_SAMPLE": str(sample), "MUTANTS_SEED": str(seed)},
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    results = dict(_results(folder))
    if done.returncode or not results:
        lines = log.read_text(errors="replace").replace("\r", "\n").splitlines()
        raise SystemExit("\n".join(["The mutants could not be run:", *lines[-40:]]))
    possible = len(results)
    if 0 < sample < possible:  # those that were not drawn have no status
        results = {key: status for key, status in results.items() if status is not None}
    return _judge(target, folder, results, possible)


def _environment() -> dict[str, str]:
    """Return the tools' environment, in which this package is found from another folder."""
    return tool_environment() | {"PYTHONPATH": str(ROOT / "scripts")}


def _prepare(folder: Path, target: Target) -> None:
    """Make a copy of the project in which mutmut finds its configuration."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    unneeded = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in (*SOURCES, *ALSO, "tests"):
        source = ROOT / name
        if name == "django_hrana":
            source = ROOT / BACKEND / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=unneeded)
        else:
            shutil.copy(source, folder / name)
    shutil.copytree(ROOT / BACKEND_TESTS, folder / BACKEND_TESTS, ignore=unneeded)
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "data").mkdir()
    values = {
        "sources": SOURCES,
        # mutmut takes a file's path for its module's name: the backend lies beside the others here.
        "files": [file.removeprefix(f"{BACKEND}/") for file in target.files],
        "also": (*ALSO, "data", "packages"),
        "tests": target.tests,
    }
    lines = {"more": ""}
    for name, rows in values.items():
        # A list in an .ini file is a line for each value, behind white space.
        lines[name] = "\n".join(f"    {value}" for value in rows)
    if target.leave_out:
        names = " or ".join(target.leave_out)
        lines["more"] = f"\n    -k\n    not ({names})"
    if target.tests[0].startswith(BACKEND_TESTS):  # they have settings of their own
        lines["more"] += "\n    --ds=hrana_support.settings"
    (folder / "setup.cfg").write_text(CONFIGURATION.format(**lines), encoding="utf-8")


def _results(folder: Path) -> Iterator[tuple[str, int | None]]:
    """Yield each change with the status of its test run."""
    for path in sorted((folder / "mutants").rglob("*.meta")):
        data = json.loads(path.read_text(encoding="utf-8"))
        yield from data["exit_code_by_key"].items()


def _judge(target: Target, folder: Path, results: dict[str, int | None], possible: int) -> Outcome:
    unnoticed = [key for key, status in results.items() if status in UNNOTICED]
    survivors = list(_survivors(folder, unnoticed))
    equal = _read_equal()
    left = [survivor for survivor in survivors if survivor not in equal]
    return Outcome(
        target=target,
        possible=possible,
        total=len(results),
        noticed=len(results) - len(unnoticed),
        equal=len(survivors) - len(left),
        survivors=left,
    )


def _survivors(folder: Path, keys: Sequence[str]) -> Iterator[Survivor]:
    command = [sys.executable, str(Path(__file__).with_name("change.py")), "differences", *keys]
    done = subprocess.run(  # noqa: S603 (our own command)
        command, cwd=folder, env=_environment(), capture_output=True, text=True, check=True
    )
    for key, difference in json.loads(done.stdout).items():
        file = key.rpartition(".")[0].replace(".", "/") + ".py"
        if file.startswith("django_hrana/"):
            file = f"{BACKEND}/{file}"
        yield Survivor.from_diff(file, difference)


def _read_equal() -> set[Survivor]:
    """Return the changes that alter nothing that anybody could see."""
    equal: set[Survivor] = set()
    if not EQUAL.exists():
        return equal
    for row in yaml.safe_load(EQUAL.read_text(encoding="utf-8")) or []:
        if not row.get("reason"):
            raise SystemExit(f"{EQUAL.name}: {row.get('file')} lists a change without a reason")
        equal.add(Survivor(file=row["file"], removed=row["removed"], added=row["added"]))
    return equal


def _print_table(outcomes: Iterable[Outcome]) -> None:
    say("")
    say(f"  {'target':24} {'changes':>8} {'noticed':>8} {'equal':>6} {'share':>7}")
    for outcome in outcomes:
        line = (
            f"{outcome.target.name:24} {outcome.total:8} {outcome.noticed:8} {outcome.equal:6} "
            f"{outcome.percent:6.1f}%"
        )
        if outcome.total < outcome.possible:
            line += f"  drawn from {outcome.possible:,}"
        if outcome.percent >= PERCENT:
            step(line)
        else:
            warn(line)


def _print_survivors(outcome: Outcome) -> None:
    for survivor in outcome.survivors:
        say(f"\n{survivor.file}\n  - {survivor.removed}\n  + {survivor.added}")


if __name__ == "__main__":
    sys.exit(main())
