"""Databases that applied an earlier text of a migration become what the present text makes.

Each is rebuilt as the commits of the day left it: 78a53db and 8c049f5 for the results of
evaluations, c09d6a4 to 5e8e518 for prompts.
"""

import pytest
from django.db import IntegrityError, connection, migrations, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from evaluations.models import Rating, TestCase, TestResult, TestSuite
from prompts import services as prompts
from tests.support.evaluations import create_evaluation

CHECK = "test_results_details_is_object"
INDEX = "idx_test_results_request_hash"
NO_DETAILS = [
    migrations.RemoveConstraint("testresult", CHECK),
    migrations.RemoveField("testresult", "details"),
]
PARTIAL_INDEX = [
    migrations.RemoveIndex("testresult", INDEX),
    migrations.AddIndex(
        "testresult",
        models.Index(fields=["request_hash"], name=INDEX, condition=~models.Q(request_hash="")),
    ),
]
COLUMN_BY_HAND = [
    *NO_DETAILS,
    migrations.RunSQL("ALTER TABLE test_results ADD COLUMN details text"),
    migrations.RunSQL("UPDATE test_results SET details = '[1]'"),
]
NO_INDEX = [migrations.RemoveIndex("testresult", INDEX)]
OLD_NAMES = [
    migrations.RemoveConstraint("prompt", "prompts_name_unique"),
    migrations.AddConstraint(
        "prompt",
        models.UniqueConstraint(
            fields=["name"],
            name="prompts_name_unique",
            condition=models.Q(deleted_at__isnull=True),
        ),
    ),
]
OLD_KINDS = [
    migrations.RemoveConstraint("promptevent", "prompt_events_kind_known"),
    migrations.AddConstraint(
        "promptevent",
        models.CheckConstraint(
            condition=models.Q(
                kind__in=["created", "edited", "status", "label", "deleted", "restored"]
            ),
            name="prompt_events_kind_known",
        ),
    ),
]
NO_REPLACE_GUARDS = [
    migrations.RunSQL("DROP TRIGGER prompt_versions_no_replace"),
    migrations.RunSQL("DROP TRIGGER prompt_events_no_replace"),
]
OTHER_SENTENCE = [
    migrations.RunSQL("DROP TRIGGER prompt_versions_no_replace"),
    migrations.RunSQL(
        "CREATE TRIGGER prompt_versions_no_replace BEFORE INSERT ON prompt_versions WHEN EXISTS "
        "(SELECT 1 FROM prompt_versions WHERE id = NEW.id OR (prompt_id = NEW.prompt_id AND "
        "number = NEW.number)) BEGIN SELECT RAISE(ABORT, 'versions never change: save the prompt "
        "again, which makes a new one'); END"
    ),
]
WEIGHTS = [
    migrations.RunSQL(
        "INSERT INTO prompt_search (prompt_search, rank) "
        "VALUES ('rank', 'bm25(10.0, 1.0, 5.0, 3.0)')"
    )
]
EARLIER = {
    "as-it-is": ("evaluations", []),
    "78a53db": ("evaluations", [*NO_DETAILS, *PARTIAL_INDEX]),
    "8c049f5": ("evaluations", NO_DETAILS),
    "a-column-added-by-hand": ("evaluations", COLUMN_BY_HAND),
    "an-index-dropped": ("evaluations", NO_INDEX),
    "prompts-as-they-are": ("prompts", []),
    "c09d6a4": ("prompts", [*OLD_NAMES, *OLD_KINDS, *NO_REPLACE_GUARDS, *WEIGHTS]),
    "d420594": ("prompts", [*OLD_NAMES, *NO_REPLACE_GUARDS, *WEIGHTS]),
    "64bb67e": ("prompts", [*OLD_NAMES, *OTHER_SENTENCE, *WEIGHTS]),
    "5e8e518": ("prompts", [*OLD_NAMES, *OTHER_SENTENCE]),
}
LAST_BEFORE = {"evaluations": "0004_roles_of_runs", "prompts": "0004_roles"}
MENDING = {"evaluations": "0005_mend_results", "prompts": "0005_mend_guards"}


def migrate(app: str, name: str) -> None:
    # Not by the command: what that does after all migrations takes longer than they do.
    MigrationExecutor(connection).migrate([(app, name)])


def apply(app: str, operations: list[migrations.operations.base.Operation]) -> None:
    state = MigrationLoader(connection).project_state((app, LAST_BEFORE[app]))
    with connection.schema_editor(atomic=True) as editor:
        for operation in operations:
            before = state.clone()
            operation.state_forwards(app, state)
            operation.database_forwards(app, editor, before, state)


def schema() -> dict[str, set[str]]:
    """Return what each object consists of: a remade table may have its columns moved."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: set(sql.replace(")", ",").split(", ")) for name, sql in cursor.fetchall()}


def rows(table: str) -> list[dict[str, object]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def fill(owner) -> None:
    prompt = prompts.create_prompt(title="t", content="c")
    prompts.edit_prompt(prompt_id=prompt.pk, content="d")
    suite = TestSuite.objects.create(name="s")
    case = TestCase.objects.create(suite=suite, name="c")
    evaluation = create_evaluation(prompt_id=prompt.pk, suite_id=suite.pk)
    result = TestResult.objects.create(evaluation=evaluation, case=case, output="ü", score=0.5)
    Rating.objects.create(result=result, user=owner, passed=True)


@pytest.fixture
def _up_again():
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


TABLES = ("prompts", "prompt_versions", "prompt_events", "test_results", "ratings")


@pytest.mark.usefixtures("_up_again")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("app", "operations"), EARLIER.values(), ids=EARLIER)
def test_an_earlier_database_becomes_todays(owner, app, operations):
    fill(owner)
    for other, name in MENDING.items():  # later migrations of one app may lean on the other's
        migrate(other, name)
    right = schema()
    migrate(app, LAST_BEFORE[app])  # the way back changes nothing
    assert schema() == right
    kept = {table: rows(table) for table in TABLES}
    apply(app, operations)
    assert (schema() != right) is bool(operations)

    migrate(app, MENDING[app])

    assert schema() == right
    for row in kept["test_results"]:
        row["details"] = "{}"
    assert {table: rows(table) for table in TABLES} == kept
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE test_results SET details = '[]'")
    with connection.cursor() as cursor:
        cursor.execute("SELECT v FROM prompt_search_config WHERE k = 'rank'")
        assert cursor.fetchall() in ([], [("bm25()",)])
