"""Which code is changed, and which tests have to notice it: what decides over releases and data."""

from dataclasses import dataclass
from typing import Final

__all__ = ["BACKEND", "BACKEND_TESTS", "SOURCES", "TARGETS", "Target"]

SOURCES: Final = ("autoforge", "core", "django_hrana", "evaluations", "prompts")
"""Our packages by the names that they are imported by."""
BACKEND: Final = "packages/django-hrana/src"
BACKEND_TESTS: Final = "packages/django-hrana/tests"
"""Where one of them lies."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Code that decides something, and the tests beside it."""

    name: str
    """What it is called on the command line and in the table."""
    files: tuple[str, ...]
    """Patterns of its files, from the project's folder."""
    tests: tuple[str, ...]
    """Files or folders of tests; the shorter they run, the better."""
    leave_out: tuple[str, ...] = ()
    """Names of tests in them that take long and show nothing that the others do not."""


TARGETS: Final = (
    Target(
        name="statistics",
        files=("evaluations/engine/statistics/*.py",),
        tests=(
            "tests/evaluations/statistics/test_against_scipy.py",
            "tests/evaluations/statistics/test_figures.py",
        ),
    ),
    Target(
        name="budget",
        files=("evaluations/engine/budget.py",),
        tests=("tests/evaluations/test_budget.py",),
    ),
    Target(
        name="scorers",
        files=("evaluations/engine/scorers/*.py",),
        tests=("tests/evaluations/scorers", "tests/evaluations/judge/test_judge.py"),
        leave_out=(
            "written_differences_are_few",
            "test_documented",
            "breaks_a_scorer",
            "ends_anywhere",
            "in_little_time",
            "cannot_be_held_against",
        ),
    ),
    Target(
        name="gates",
        files=(
            "evaluations/release_gates.py",
            "evaluations/selectors/comparisons.py",
            "evaluations/fit.py",
        ),
        tests=(
            "tests/evaluations/test_gates.py",
            "tests/evaluations/test_unchecked.py",
            "tests/evaluations/test_comparing.py",
            "tests/evaluations/test_pairing.py",
            "tests/evaluations/test_fit.py",
        ),
        leave_out=(
            "test_no_gate_opens_where_an_answer_was_not_compared",
            "test_the_migration_takes_verdicts_from_what_nothing_checked",
        ),
    ),
    Target(
        name="labels",
        files=("prompts/services/labels.py",),
        tests=("tests/prompts/test_labels.py",),
    ),
    Target(
        name="variables",
        files=("prompts/rendering/variables.py",),
        tests=("tests/prompts/rendering/test_variables.py",),
    ),
    Target(
        name="rendering",
        files=(
            "prompts/rendering/*.py",
            "prompts/rendering/syntaxes/*.py",
        ),
        tests=("tests/prompts/rendering",),
        leave_out=("test_attacks", "whatever_is_written", "leaves_other_text_alone"),
    ),
    Target(
        name="tables",
        files=("core/tables/*.py",),
        tests=(
            "tests/core/test_tables.py",
            "tests/core/test_table_edges.py",
        ),
        leave_out=("hostile", "whatever_the_process_read_before", "comes_back"),
    ),
    Target(
        name="transactions",
        files=(
            "packages/django-hrana/src/django_hrana/driver/transaction.py",
            "packages/django-hrana/src/django_hrana/driver/failures.py",
        ),
        tests=(
            "packages/django-hrana/tests/driver/test_failures.py",
            "packages/django-hrana/tests/driver/test_transaction.py",
        ),
    ),
    Target(
        name="tokens",
        files=(
            "core/access/clerk.py",
            "core/access/clerk_keys.py",
            "core/access/tokens.py",
            "core/access/unverified.py",
        ),
        tests=(
            "tests/core/access/test_clerk.py",
            "tests/core/access/test_clerk_keys.py",
            "tests/core/access/test_clerk_tokens.py",
            "tests/core/access/test_tokens.py",
        ),
        leave_out=("test_nothing_shows_a_token", "test_an_answer_that_drips"),
    ),
)
