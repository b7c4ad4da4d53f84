"""A fake of Turso, and commands that ask it."""

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.support.fake_turso import FakeTurso


@dataclass
class Said:
    """What a command has said."""

    status: int
    output: str
    errors: str


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeTurso]:
    """Return a fake with a group; all that was asked and answered must fit Turso's document."""
    fake = FakeTurso(tmp_path / "turso")
    fake.add_group()
    yield fake
    fake.close()
    assert fake.faults == []


@pytest.fixture
def home(settings, tmp_path, monkeypatch) -> Path:
    """Return the folder of an installation whose files are its own."""
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    settings.BASE_DIR = home
    for name in list(os.environ):
        if name.startswith("TURSO_") or name in {"ENV_FILE", "DATABASE_URL"}:
            monkeypatch.delenv(name)
    return home


@pytest.fixture
def turso(settings, fake, home) -> Callable[..., Said]:
    """Return a function that runs `manage.py turso` for somebody who is logged in."""
    settings.TURSO_PLATFORM_TOKEN = fake.token
    settings.TURSO_ORGANIZATION = fake.organization
    settings.TURSO_API_URL = fake.url

    def run(*arguments: str) -> Said:
        output, errors = io.StringIO(), io.StringIO()
        status = 0
        try:
            call_command("turso", *arguments, stdout=output, stderr=errors)
        except CommandError as error:
            status = error.returncode
            errors.write(str(error))
        said = Said(status, output.getvalue(), errors.getvalue())
        assert fake.token not in said.output + said.errors
        return said

    return run
