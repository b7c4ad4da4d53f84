"""Runs whose database is away, or refuses what they write: who waits says so, the rest ends."""

import sqlite3
from contextlib import contextmanager

import pytest
from django.core.management import call_command
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    IntegrityError,
    OperationalError,
    connection,
    connections,
)

from autoforge.background import calmly
from core.database.explanation import explain
from core.database.waiting import Announcer
from core.events.models import WebhookDelivery
from core.events.services import endpoints
from django_hrana import driver
from evaluations import tasks
from evaluations.engine.protocol import RunOutcome
from evaluations.engine.providers import ProviderSpec
from evaluations.engine.types import Case
from evaluations.models import Run, TestResult
from evaluations.services import runs, store
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import execute_run, runs_to_resume

ECHO = PlannedColumn(spec=ProviderSpec(kind="echo"), text="{{x}}")


def make_run() -> Run:
    run = create_run(Plan(columns=[ECHO]), [(None, Case(name="c", variables={"x": "hello"}))])
    run.settings["background"] = True
    run.save(update_fields={"settings"})
    return run


def raised(cause: Exception, kind: type[Exception] = OperationalError) -> Exception:
    error = kind("the text does not matter")
    error.__cause__ = cause
    return error


def file_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("the text does not matter")
    error.sqlite_errorcode, error.sqlite_errorname = code, "SQLITE_X"
    return error


AWAY = raised(driver.Unreachable("db.example is not responding: start it"))
LOCKED = raised(file_error(sqlite3.SQLITE_BUSY))
FULL = raised(file_error(sqlite3.SQLITE_FULL))
LOST = raised(driver.TransactionLost("run it again"))
READ_ONLY = raised(file_error(sqlite3.SQLITE_READONLY))
NO_DATABASE = raised(file_error(sqlite3.SQLITE_NOTADB), DatabaseError)
DENIED = raised(driver.AccessDenied("the token has expired"))
NO_COLUMN = raised(file_error(sqlite3.SQLITE_ERROR))
CONSTRAINT = raised(file_error(sqlite3.SQLITE_CONSTRAINT), IntegrityError)


@pytest.fixture
def quick(monkeypatch) -> None:
    monkeypatch.setattr(store, "FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(store, "LONGEST_WAIT_SECONDS", 0.002)
    monkeypatch.setattr(store, "announcer", Announcer())
    monkeypatch.setattr("django.db.connection.close", lambda: None, raising=False)


def failing(error: Exception, times: int):
    left = [error] * times

    def work() -> str:
        if left:
            raise left.pop()
        return "done"

    return work


@pytest.mark.usefixtures("quick")
class TestPatience:
    """`retry_while_unavailable` waits for what may pass, and for nothing else."""

    @pytest.mark.parametrize("error", [AWAY, LOCKED, FULL, LOST])
    def test_what_may_pass_is_waited_for_and_said(self, caplog, error):
        assert store.retry_while_unavailable(failing(error, 5)) == "done"
        said = [record.getMessage() for record in caplog.records]
        assert said[0].startswith("Waiting for the database: ")
        assert said[1].startswith("The database is responding again after ")
        assert len(said) == 2  # not once for each attempt

    def test_one_that_is_back_at_once_is_no_news(self, caplog):
        assert store.retry_while_unavailable(failing(AWAY, 1)) == "done"
        assert caplog.records == []

    @pytest.mark.parametrize("error", [READ_ONLY, NO_DATABASE, DENIED, NO_COLUMN, CONSTRAINT])
    def test_what_no_waiting_mends_is_raised_at_once(self, caplog, error):
        with pytest.raises(type(error)):
            store.retry_while_unavailable(failing(error, 1))
        assert caplog.records == []

    def test_patience_ends(self, monkeypatch, caplog):
        monkeypatch.setattr(store, "PATIENCE_SECONDS", 0.02)
        with pytest.raises(OperationalError):
            store.retry_while_unavailable(failing(AWAY, 1000))
        assert len(caplog.records) == 1


def test_the_wait_is_said_once_a_minute(monkeypatch, caplog):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    announcer = Announcer()
    for now[0] in (1.0, 2.0, 59.0, 61.0, 62.0, 119.0):
        announcer.waits("it is away")
    assert [record.getMessage() for record in caplog.records] == [
        "Waiting for the database: it is away"
    ] * 2
    now[0] = 130.0
    announcer.goes_on()
    announcer.goes_on()
    assert caplog.messages[2:] == ["The database is responding again after 129 s; continuing"]
    announcer.waits("it is away again")
    announcer.gives_up()
    announcer.waits("it is away once more")
    assert len(caplog.records) == 5


def test_a_quiet_log_still_tells_the_person_at_the_terminal(monkeypatch, capsys):
    from core.database import waiting

    monkeypatch.setattr(waiting.logger, "level", 50)
    monkeypatch.setattr(waiting.logger, "disabled", True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    Announcer().waits("it is away")
    assert capsys.readouterr().err == "Waiting for the database: it is away\n"


# --- whole runs


def done_but_unknown(work):
    """Return `work`, which is done at each call, and raises at the first as if nobody knew."""
    errors = [raised(driver.OutcomeUnknown("the server did not confirm: check the data"))]

    def attempt(*args, **options):
        result = work(*args, **options)
        if errors:
            raise errors.pop()
        return result

    return attempt


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_what_was_written_without_a_word_of_it_is_there_once(monkeypatch, caplog):
    """Results are paid for: each write of a run can be done twice, and counts once."""
    monkeypatch.setattr("core.events.services.outbox._wakers", [])
    endpoints.create_endpoint(
        name="team", url="https://127.0.0.1:9/hook", event_types=["run.finished"]
    )
    run = make_run()
    monkeypatch.setattr(store, "insert_rows", done_but_unknown(store.insert_rows))
    beat = done_but_unknown(store.DatabaseStore._beat)
    monkeypatch.setattr(store.DatabaseStore, "_beat", beat)
    finish_run = runs.finish_run

    def finish(run: Run, ending: RunOutcome) -> Run:
        if "_commit" not in vars(connections[DEFAULT_DB_ALIAS]):
            commit = done_but_unknown(connection._commit)
            monkeypatch.setattr(connection, "_commit", commit, raising=False)
        return finish_run(run, ending)

    monkeypatch.setattr(runs, "finish_run", finish)
    assert execute_run(run.pk).status == "completed"
    assert TestResult.objects.count() == 1
    assert WebhookDelivery.objects.count() == 1
    assert "Traceback" not in caplog.text


@contextmanager
def without_details():
    """Take away the column that holds what scorers need of an answer, as an old database."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE test_results RENAME COLUMN details TO set_aside")
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE test_results RENAME COLUMN set_aside TO details")


@pytest.mark.django_db(transaction=True)
def test_a_column_that_is_missing_ends_the_run_at_once_with_its_cause(caplog):
    run = make_run()
    with without_details():
        ended = execute_run(run.pk)
    assert ended.status == "failed"
    assert "the column details of test_results is missing" in ended.message
    assert "check_health --probe tables" in ended.message
    assert "Traceback" not in caplog.text
    assert runs_to_resume() == []


@pytest.mark.django_db(transaction=True)
def test_evaluate_says_the_cause_and_exits_with_4(tmp_path, capsys):
    file = tmp_path / "config.yaml"
    file.write_text("prompts: [hi]\nproviders: [echo]\ntests: [{}]\n")
    with without_details():
        with pytest.raises(OperationalError) as refusal:  # manage.py says it in one sentence
            call_command("evaluate", str(file))
        assert "the column details of test_results is missing" in explain(refusal.value)
    assert refusal.value.exit_status == 4
    assert "Traceback" not in capsys.readouterr().err
    assert Run.objects.get().status == "failed"


@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_database_is_away_says_one_sentence_and_leaves_the_run(monkeypatch, caplog):
    run = make_run()

    def away(_self, _finished):
        raise READ_ONLY

    monkeypatch.setattr(store.DatabaseStore, "save", away)
    assert tasks.run_evaluation.func(str(run.pk)) == "interrupted"
    assert f"Run {run.pk} was interrupted and will be resumed: " in caplog.text
    assert "Traceback" not in caplog.text
    run.refresh_from_db()
    assert (run.status, run.worker) == ("running", "")
    assert runs_to_resume() == [run.pk]
    monkeypatch.undo()
    assert execute_run(run.pk).status == "completed"
    assert TestResult.objects.count() == 1


@pytest.mark.parametrize("error", [AWAY, LOCKED, READ_ONLY, NO_DATABASE])
def test_work_in_the_background_says_one_sentence(caplog, error):
    def forget_sessions() -> None:
        raise error

    assert calmly(forget_sessions)() is None
    assert caplog.messages[0].startswith("forget_sessions could not be done: ")
    assert "Traceback" not in caplog.text


def test_a_bug_in_the_background_stays_one():
    def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        calmly(work)()
