"""`make test`: what CI runs. Checks, tests on every core, coverage with its gates, a summary.

A failure does not stop what comes after it: one run shows everything that is wrong.
"""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import check
from launch import chromium
from launch.terminal import say, set_up, step, strong, warn
from launch.tools import ROOT, run

WHOLE_PERCENT: Final = 90
# One more than there are cores: tests wait for servers, browsers and programs that they start.
PROCESSES: Final = (os.cpu_count() or 1) + 1
# What decides over data and start-up is tested branch by branch.
COMPLETE: Final = (
    "autoforge/environment/*",
    "core/events/services/*",
    "evaluations/services/*",
    "prompts/services/*",
)


# What has a server of its own is not run twice; tests/conftest.py leaves out what asks no database.
ON_LIBSQL: Final = (
    "tests/prompts",
    "tests/evaluations",
    "tests/integration",
    "tests/autoforge",
    "tests/core",
    "tests/browser",
    "tests/test_admin.py",
    "tests/test_constraints.py",
    "tests/test_migrations.py",
    "tests/test_query_plans.py",
    "--ignore=tests/integration/test_libsql_staging.py",
)


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A part of the code and how much of it the tests must have run."""

    name: str
    """As it is called in the summary."""
    include: str
    """Its files, with commas between the patterns; empty: all."""
    percent: int
    """Lines and branches together, in per cent."""


GATES: Final = (
    Gate(name="whole", include="", percent=WHOLE_PERCENT),
    Gate(name="services and environment", include=",".join(COMPLETE), percent=100),
)


def main() -> int:
    """Run everything; return 0 if all is well, else 1."""
    set_up()
    (ROOT / ".cache").mkdir(exist_ok=True)
    no_browser = chromium.ensure()
    say(strong("Checks"))
    checks_passed = check.main([]) == 0
    run(["python", "-m", "coverage", "erase"])
    say(strong("Tests of django-hrana"))
    package_passed = _test_package()
    say(strong("Tests"))
    tests_passed = _test()
    say(strong("Tests of the product on libSQL"))
    libsql_passed = _test_on_libsql()
    say(strong("Django's own tests on libSQL"))
    conformance_passed = run(["python", "scripts/conformance", "--fast"]).returncode == 0
    rehearsal_passed = run(["python", "scripts/rehearse"]).returncode == 0
    say(strong("Summary"))
    gates_passed = [_measure(gate) for gate in GATES]
    if (ROOT / "htmlcov" / "index.html").exists():
        say("    each line: htmlcov/index.html")
    if no_browser:
        warn(f"browser tests skipped: {no_browser}")
    outcomes = {
        "checks": checks_passed,
        "tests of django-hrana": package_passed,
        "tests": tests_passed,
        "tests on libSQL": libsql_passed,
        "Django's tests on libSQL": conformance_passed,
        "rehearsal of operation": rehearsal_passed,
    }
    for name, passed in outcomes.items():
        if passed:
            step(f"{name} passed")
        else:
            warn(f"{name} failed")
    all_passed = all(outcomes.values()) and all(gates_passed)
    return 0 if all_passed else 1


def _test_package() -> bool:
    """Run the libSQL backend's own tests, with its settings: it is a package by itself."""
    command = ["python", "-m", "pytest", "packages/django-hrana/tests", "-n", str(PROCESSES)]
    # Its folder is pytest's, and coverage is to find our configuration all the same.
    command += ["--cov", f"--cov-config={ROOT / 'pyproject.toml'}", "--cov-report="]
    return run(command).returncode == 0


def _test() -> bool:
    command = ["python", "-m", "pytest", "-n", str(PROCESSES), "--cov", "--cov-report=html"]
    command += ["--cov-append"]  # to what the package's own tests have run
    command += ["--durations=20", "--durations-min=5"]  # where the time goes
    return run([*command, *shlex.split(os.environ.get("ARGS", ""))]).returncode == 0


def _test_on_libsql() -> bool:
    """Run the tests that touch the database once more, on a real libSQL server.

    Without coverage, which costs a third of the time: these are the same tests, and no service asks
    which database it works on.
    """
    command = ["python", "-m", "pytest", "-n", "auto"]
    return run([*command, *ON_LIBSQL], TEST_DATABASE="libsql").returncode == 0


def _measure(gate: Gate) -> bool:
    """Print the coverage of a part, and its gaps where it is too low."""
    command = ["python", "-m", "coverage", "report", "--precision=2"]
    if gate.include:
        command.append(f"--include={gate.include}")
    report = run(command, capture=True).stdout
    total = run([*command, "--format=total"], capture=True).stdout.strip()
    try:
        passed = float(total) >= gate.percent
    except ValueError:
        passed, total, report = False, "?", total
    say(f"  coverage of {gate.name}: {total} % (required: {gate.percent} %)")
    if not passed:
        warn(f"coverage of {gate.name} is too low\n{report.rstrip()}")
    return passed


if __name__ == "__main__":
    sys.exit(main())
