"""A migration that has landed is never changed: databases that have applied it do not run it again.

`tests/migration_checksums.txt` holds the SHA-256 of every migration, as `sha256sum` writes it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parents[1]
CHECKSUMS = ROOT / "tests" / "migration_checksums.txt"


def migrations_of_the_project() -> Iterator[Path]:
    for config in apps.get_app_configs():
        folder = Path(config.path) / "migrations"
        if folder.is_relative_to(ROOT) and ".venv" not in folder.parts:
            yield from sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def actual_checksums() -> dict[str, str]:
    paths = migrations_of_the_project()
    return {path.relative_to(ROOT).as_posix(): checksum(path) for path in paths}


def recorded_checksums() -> dict[str, str]:
    lines = CHECKSUMS.read_text(encoding="utf-8").splitlines()
    pairs = [line.split(maxsplit=1) for line in lines if line]
    names = [name for _, name in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    assert not twice, f"{CHECKSUMS.name} has two lines for {', '.join(twice)}: a merge kept both"
    return {name: digest for digest, name in pairs}


def describe_changes(actual: Mapping[str, str], recorded: Mapping[str, str]) -> list[str]:
    """Return a sentence for each migration that is not as it was recorded, with the remedy."""
    problems = []
    for name in sorted(actual.keys() | recorded.keys()):
        if name not in recorded:
            problems.append(
                f"{name} is new: once it is final, add this line to tests/{CHECKSUMS.name}:\n"
                f"{actual[name]}  {name}"
            )
        elif name not in actual:
            problems.append(
                f"{name} is gone, but databases have applied it: restore it, and undo what it does "
                "in a new migration"
            )
        elif actual[name] != recorded[name]:
            problems.append(
                f"{name} was changed, but databases have applied it and will not run it again: "
                f"restore it (git checkout main -- {name}) and put the change into a new migration "
                "(manage.py makemigrations -n <name>). Only if it is your own and has never landed "
                f"does its line in tests/{CHECKSUMS.name} become:\n{actual[name]}  {name}"
            )
    return problems


def test_no_migration_was_changed_since_it_landed():
    actual = actual_checksums()
    assert len(actual) >= 8
    problems = describe_changes(actual, recorded_checksums())
    assert not problems, "\n\n".join(problems)


@pytest.mark.parametrize(
    ("actual", "recorded", "sentence"),
    [
        ({"a": "1"}, {"a": "1"}, None),
        ({"a": "2"}, {"a": "1"}, "put the change into a new migration"),
        ({}, {"a": "1"}, "a is gone, but databases have applied it: restore it"),
        ({"a": "1"}, {}, "a is new: once it is final, add this line"),
    ],
)
def test_what_is_said_of_a_migration_that_differs(actual, recorded, sentence):
    problems = describe_changes(actual, recorded)
    assert len(problems) == (0 if sentence is None else 1)
    assert sentence is None or sentence in problems[0]
