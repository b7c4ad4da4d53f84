"""Migrations go down and up again, empty and with data, and are in step with the models."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from evaluations.models import TestCase, TestResult, TestSuite
from prompts import services as prompts
from prompts.models import Prompt
from tests.support.evaluations import create_evaluation
from tests.support.schema import TABLES

OURS = ("events", "prompts", "evaluations")
PROMPT_TABLES = {table for table in TABLES if table.startswith("prompt")}


def migrate(*arguments: str) -> None:
    call_command("migrate", *arguments, verbosity=0)


def present() -> set[str]:
    return TABLES & set(connection.introspection.table_names())


def fill() -> None:
    prompt = prompts.create_prompt(title="t", content="c")
    prompts.create_template(name="t", content="c")
    suite = TestSuite.objects.create(name="s")
    case = TestCase.objects.create(suite=suite, name="c")
    evaluation = create_evaluation(prompt_id=prompt.pk, suite_id=suite.pk)
    TestResult.objects.create(evaluation=evaluation, case=case, score=1.0)


@pytest.fixture
def _up_again():
    yield
    migrate()


def schema() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        return cursor.fetchall()


@pytest.mark.timeout(600)  # on a libSQL server and a busy machine minutes may pass
@pytest.mark.usefixtures("_up_again")
@pytest.mark.django_db(transaction=True)
def test_down_and_up_again_gives_the_same_schema():
    """Empty, then with data; the second time one app after the other.

    Each way takes many seconds, so that one test goes them all.
    """
    # Other tests rebuild tables, whose text is then another: what is compared is made here.
    migrate("events", "zero")
    migrate("prompts", "zero")  # takes evaluations along, which depend on it
    assert present() == set()
    migrate()
    assert present() == TABLES
    before = schema()

    fill()
    migrate("events", "zero")
    migrate("evaluations", "zero")
    assert present() == PROMPT_TABLES
    assert Prompt.objects.get().content == "c"
    migrate("prompts", "zero")
    assert present() == set()
    migrate("prompts")
    assert present() == PROMPT_TABLES
    assert not Prompt.all_objects.exists()
    prompts.create_prompt(title="t", content="d")
    migrate("evaluations")
    migrate("events")
    assert present() == TABLES
    assert Prompt.objects.get().content == "d"
    assert schema() == before
    assert not TestSuite.objects.exists()
    fill()


@pytest.mark.django_db
def test_the_models_have_no_change_without_a_migration():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_every_migration_has_a_name_and_a_way_back():
    loader = MigrationLoader(connection=None)
    ours = [migration for (app, _), migration in loader.disk_migrations.items() if app in OURS]
    assert ours
    for migration in ours:
        assert "_auto_" not in migration.name
        assert all(operation.reversible for operation in migration.operations), migration
