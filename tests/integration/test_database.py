"""The team's integration tests of the database, on whichever backend the settings name.

A database backend that is added later runs the same tests: nothing here names SQLite.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

from evaluations.models import Evaluation
from prompts import services as prompts
from prompts.models import Prompt
from tests.support.evaluations import create_evaluation
from tests.support.schema import TABLES

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.django_db


def test_the_connection_goes_where_the_environment_says(tmp_path):
    """A process of its own reads DATABASE_URL and creates its tables just there."""
    place = tmp_path / "somewhere else.sqlite3"
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{place}"}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity=0"],
        cwd=ROOT,
        env=environment,
        check=True,
        timeout=60,
    )
    assert place.stat().st_size > 0
    assert settings.DATABASES["default"]["ENGINE"] == connection.settings_dict["ENGINE"]


def test_session_select_1():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_tables_exist():
    assert set(connection.introspection.table_names()) >= TABLES


def test_crud():
    created = prompts.create_prompt(title="接続テスト", content="Hello, {{ name }}!")
    assert Prompt.objects.get(pk=created.pk).title == "接続テスト"

    prompts.edit_prompt(prompt_id=created.pk, content="Hello again, {{ name }}!")
    assert Prompt.objects.get(pk=created.pk).content == "Hello again, {{ name }}!"

    prompts.delete_prompt(prompt_id=created.pk)
    assert not Prompt.objects.filter(pk=created.pk).exists()

    Prompt.all_objects.get(pk=created.pk).hard_delete()
    assert not Prompt.all_objects.filter(pk=created.pk).exists()


def test_relationship():
    prompt = prompts.create_prompt(title="t", content="c")
    first = create_evaluation(prompt_id=prompt.pk)
    second = create_evaluation(prompt_id=prompt.pk)
    assert set(prompt.evaluations.all()) == {first, second}
    assert first.version.prompt == prompt

    prompt.hard_delete()
    assert not Evaluation.all_objects.exists()


def test_a_rollback_leaves_nothing():
    def write_and_fail() -> None:
        with transaction.atomic():
            prompts.create_prompt(title="t", content="c")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        write_and_fail()
    assert not Prompt.all_objects.exists()
