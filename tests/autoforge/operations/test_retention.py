"""Retention: what is old goes, what something rests on stays, and no half run is left."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from axes.models import AccessAttempt, AccessAttemptExpiration, AccessFailureLog, AccessLog
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from autoforge.operations.retention import kinds
from autoforge.operations.retention.ages import AgeError, read_ages
from autoforge.operations.retention.kinds import list_kinds
from autoforge.operations.retention.tasks import delete_old_rows
from core import services as core_services
from core.access.models import IdempotentAnswer
from core.access.services import store_answer
from core.events.models import WebhookDelivery, WebhookEndpoint
from core.services import delete_in_batches
from core.stopping import stop_request
from evaluations.models import (
    CallRecord,
    Evaluation,
    Rating,
    ReleaseGate,
    Run,
    RunCase,
    TestCase,
    TestResult,
    TestSuite,
)
from evaluations.release_gates import check_release
from evaluations.selectors.expired import BEING_DELETED, find_expired_runs
from evaluations.services import retention
from evaluations.services.runs import restore_runs
from evaluations.services.suites import create_case, create_suite, delete_suites
from prompts import services as prompts
from prompts.interface import Candidate, get_prompt_text
from prompts.models import Prompt, PromptTemplate
from tests.support.records import keep

pytestmark = pytest.mark.django_db

NOW = timezone.now()
ANSWERS = 3


@pytest.fixture
def suite():
    made = create_suite(name="S")
    for name in ("a", "b", "c"):
        create_case(suite_id=made.pk, name=name)
    return made


@pytest.fixture
def text():
    return get_prompt_text(prompt_id=prompts.create_prompt(title="P", content="c").pk)


def make_run(suite=None, text=None, *, days=100, answers=ANSWERS, rate=1.0, **fields):
    """Return a run that ended so many days ago, as the engine leaves it."""
    ended = NOW - timedelta(days=days)
    values = {"status": "completed", "finished_at": ended} | fields
    run = Run.objects.create(suite=suite, **values)
    column = Evaluation.objects.create(
        run=run, suite=suite, status="completed", overall_score=rate,
        prompt_id=text and text.prompt_id, version_id=text and text.version_id,
        summary={"answers": answers, "pass_rate": rate, "errors": 0},
    )  # fmt: skip
    cases = list(suite.cases.all()) if suite else [None] * ANSWERS
    for position, case in enumerate(cases):
        copy = RunCase.objects.create(
            run=run, position=position, case=case, key=str(position), name=f"case {position}"
        )
        if position < answers:
            TestResult.objects.create(
                evaluation=column, run_case=copy, output="x" * 1000, passed=True, score=1.0,
                attempts=1, components=[{"type": "exact", "score": 1}],
            )  # fmt: skip
    Run.objects.filter(pk=run.pk).update(created_at=ended)
    Evaluation.objects.filter(pk=column.pk).update(created_at=ended)
    return Run.all_objects.get(pk=run.pk)


def retain(*arguments):
    """Return what the command reports."""
    out = StringIO()
    call_command("data_retention", *arguments, "--format", "json", stdout=out)
    report = json.loads(out.getvalue())
    return {kind["kind"]: kind for kind in report["kinds"]}


def say(*arguments):
    out = StringIO()
    call_command("data_retention", *arguments, stdout=out)
    return out.getvalue().splitlines()


def count_all():
    return [model.objects.count() for model in (Evaluation, RunCase, TestResult)]


def test_a_plan_counts_and_deletes_nothing():
    make_run(days=100)
    make_run(days=50)
    make_run(days=10)
    before = count_all()
    report = retain("--runs", "30")["runs"]
    assert (report["rows"], report["along"], report["days"]) == (2, 6, 30)
    assert report["bytes"] == 6 * (1000 + len('[{"type": "exact", "score": 1}][]{}'))
    assert report["oldest"][:10] == (NOW - timedelta(days=100)).date().isoformat()
    assert (report["kept"], "deleted" in report) == ({}, False)
    assert count_all() == before
    assert Run.objects.count() == 3


def test_apply_deletes_what_the_plan_counts():
    make_run(days=100)
    young = make_run(days=10)
    report = retain("--runs", "30", "--apply")["runs"]
    assert (report["rows"], report["deleted"]) == (1, 1)
    assert list(Run.all_objects.all()) == [young]
    assert count_all() == [1, ANSWERS, ANSWERS]
    assert retain("--runs", "30", "--apply")["runs"]["deleted"] == 0


def test_without_an_age_nothing_goes_but_what_ends_by_itself():
    make_run(days=3000)
    report = retain("--apply")
    assert Run.objects.count() == 1
    assert {name for name, kind in report.items() if kind["days"] is None} == {
        "runs", "results", "admin-log", "failed-logins", "login-failure-log", "login-log",
        "trash-runs", "trash-evaluations", "trash-prompts", "trash-templates", "trash-suites",
    }  # fmt: skip


def test_the_environment_says_how_long(settings):
    settings.RETENTION_DAYS = settings.RETENTION_DAYS | {"runs": 30}
    make_run(days=100)
    assert retain()["runs"]["source"] == "RETENTION_RUNS_DAYS"
    assert delete_old_rows() == 1
    assert not Run.all_objects.exists()


def test_an_option_stands_before_the_environment(settings):
    settings.RETENTION_DAYS = settings.RETENTION_DAYS | {"runs": 30}
    make_run(days=100)
    report = retain("--runs", "200")["runs"]
    assert (report["rows"], report["source"]) == (0, "--runs")


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_an_age_that_is_none_is_refused(days):
    make_run()
    with pytest.raises(CommandError) as error:
        retain("--runs", str(days), "--apply")
    sentence = f"--runs is {days}; it must be an integer (days) from 1 to 3650"
    assert str(error.value) == f"{sentence}. Nothing was deleted."
    assert error.value.returncode == 2
    assert Run.objects.exists()


def test_an_unknown_group_is_refused():
    with pytest.raises(AgeError, match="money is none of runs, results"):
        read_ages({"money": 3})


def kept(*arguments):
    report = retain("--runs", "30", "--apply", *arguments)["runs"]
    return report["deleted"], report["kept"]


@pytest.mark.parametrize("status", ["pending", "running"])
def test_a_run_that_is_not_finished_stays(status):
    make_run(status=status, finished_at=None)
    assert kept() == (0, {"open": 1})


def test_a_baseline_stays_as_long_as_what_is_compared_with_it():
    first = make_run(days=300)
    second = make_run(days=200, baseline=first)
    third = make_run(days=10, baseline=second)
    assert kept() == (0, {"baseline": 2})
    Run.objects.filter(pk=third.pk).update(finished_at=NOW - timedelta(days=100))
    assert kept() == (3, {})


def test_a_run_that_people_have_judged_stays(admin_user):
    run = make_run()
    result = TestResult.objects.filter(evaluation__run=run).first()
    Rating.objects.create(result=result, user=admin_user, passed=True)
    assert kept() == (0, {"rated": 1})


def candidate_of(text):
    return Candidate(
        prompt_id=text.prompt_id, version_id=text.version_id, name=text.name, number=1,
        content_hash=text.content_hash, label="production",
    )  # fmt: skip


def test_the_run_that_a_gate_judges_by_stays(suite, text):
    ReleaseGate.objects.create(prompt_id=text.prompt_id, suite=suite)
    make_run(suite, text, days=300)
    newest = make_run(suite, text, days=200, rate=0.9)
    partly = make_run(suite, text, days=100, answers=1)
    verdict = check_release(candidate_of(text))
    assert verdict.reason == "“S”: pass rate 90.0%"
    assert kept() == (1, {"gate": 2})
    assert set(Run.objects.all()) == {newest, partly}
    assert check_release(candidate_of(text)) == verdict


def test_another_suites_run_is_nothing_to_the_gate(suite, text):
    other = create_suite(name="other")
    create_case(suite_id=other.pk, name="a")
    ReleaseGate.objects.create(prompt_id=text.prompt_id, suite=other)
    make_run(suite, text)
    assert kept() == (1, {})


def test_the_newest_run_of_a_labelled_version_stays(suite, text):
    make_run(suite, text, days=300)
    newest = make_run(suite, text, days=200)
    make_run(suite, days=100)
    prompts.move_label(prompt_id=text.prompt_id, label="staging", number=1)
    verdict = check_release(candidate_of(text))
    assert verdict.passed
    assert kept() == (2, {"label": 1})
    assert list(Run.objects.all()) == [newest]
    assert check_release(candidate_of(text)) == verdict


def test_an_unlabelled_version_keeps_no_run(suite, text):
    make_run(suite, text)
    assert kept() == (1, {})


def test_runs_in_the_trash_go_by_their_age_too():
    make_run(days=100).delete()
    make_run(days=10).delete()
    assert kept() == (1, {})


def test_the_answers_go_alone_and_the_run_says_so(suite, text):
    run = make_run(suite, text)
    report = retain("--results", "30", "--apply")["results"]
    assert (report["rows"], report["deleted"]) == (ANSWERS, ANSWERS)
    run.refresh_from_db()
    day = timezone.now().date().isoformat()
    assert run.message == f"its answers were deleted on {day}, as they were old enough"
    assert count_all() == [1, ANSWERS, 0]
    assert run.evaluations.get().figures.answers == ANSWERS
    assert retain("--results", "30")["results"]["rows"] == 0


@pytest.mark.parametrize("status", ["stopped", "cancelled", "failed"])
def test_the_answers_of_a_run_that_can_be_resumed_stay(status):
    make_run(status=status)
    report = retain("--results", "30", "--apply")["results"]
    assert (report["deleted"], report["kept"]) == (0, {"resumable": 1})
    assert TestResult.objects.count() == ANSWERS


def test_an_answer_that_is_judged_in_the_meantime_stays(admin_user):
    run = make_run()
    result = TestResult.objects.filter(evaluation__run=run).first()
    Rating.objects.create(result=result, user=admin_user, passed=True)
    deleted = retention.delete_answers_of_runs([run.pk], today=NOW.date())
    assert deleted == ANSWERS - 1
    assert list(TestResult.objects.all()) == [result]


def test_a_run_that_was_opened_in_the_meantime_stays():
    run = make_run()
    found = find_expired_runs(NOW)
    Run.objects.update(status="pending")
    assert retention.delete_runs_for_good(found.run_ids) == 0
    run.refresh_from_db()
    assert (run.is_deleted, count_all()[2]) == (False, ANSWERS)


def test_what_was_interrupted_is_seen_by_nobody_and_goes_on(monkeypatch):
    runs = [make_run(days=100 + day) for day in range(3)]
    calls = []

    def fail(rows, **options):
        calls.append(rows.model)
        if rows.model is RunCase:
            raise OperationalError("the machine has stopped")
        return delete_in_batches(rows, **options)

    with monkeypatch.context() as patch:
        patch.setattr(retention, "delete_in_batches", fail)
        with pytest.raises(OperationalError):
            retain("--runs", "30", "--apply")
    assert calls == [TestResult, RunCase]
    assert not Run.objects.exists()
    assert count_all()[1:] == [3 * ANSWERS, 0]
    assert restore_runs([run.pk for run in runs]) == 0
    assert {run.message for run in Run.all_objects.all()} == {BEING_DELETED}
    # Whatever the age is the next time: what was begun is finished.
    assert retain("--runs", "3650", "--apply")["runs"]["deleted"] == 3
    assert (Run.all_objects.count(), count_all()) == (0, [0, 0, 0])


def test_ctrl_c_says_how_far_it_came(monkeypatch):
    make_run()

    def interrupt(run_ids, *, report):
        report(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(retention, "delete_runs_for_good", interrupt)
    with pytest.raises(CommandError) as error:
        retain("--runs", "30", "--apply")
    assert str(error.value) == "Interrupted after 1 rows; run it again to go on."
    assert error.value.returncode == 130


def test_many_rows_go_in_a_few_round_trips(monkeypatch):
    monkeypatch.setattr(core_services, "FIRST_BATCH", 4)
    run = make_run()
    column = run.evaluations.get()
    TestResult.objects.bulk_create(
        TestResult(evaluation=column, output="x", attempts=1) for _row in range(40)
    )
    counts = []
    with CaptureQueriesContext(
        connection,
    ) as queries:
        deleted = delete_in_batches(
            TestResult.objects.order_by(), dependents={Rating: "result"}, report=counts.append
        )
    assert (deleted, sum(counts), max(counts) > counts[0] == 4) == (43, 43, True)
    statements = [query for query in queries if query["sql"].startswith("DELETE")]
    assert len(statements) == 2 * (len(counts) + (counts[-1] == 0))
    assert not [query for query in queries if query["sql"].startswith("SELECT")]


def test_a_slow_database_gets_smaller_batches(monkeypatch):
    clock = iter(range(0, 10_000, 2))
    monkeypatch.setattr(core_services, "FIRST_BATCH", 30)
    monkeypatch.setattr(core_services.time, "monotonic", lambda: next(clock))
    column = make_run(answers=0).evaluations.get()
    TestResult.objects.bulk_create(TestResult(evaluation=column) for _row in range(100))
    counts = []
    assert delete_in_batches(TestResult.objects.order_by(), report=counts.append) == 100
    assert counts == [30, 20, 20, 20, 10]


def test_records_have_an_age_for_each_source(settings):
    settings.GATEWAY_RECORDS_DAYS, settings.TRACES_KEPT_DAYS = 3, 30
    for source in ("gateway", "trace"):
        row = keep(source=source)
        CallRecord.objects.filter(pk=row.pk).update(received_at=NOW - timedelta(days=10))
    report = retain()
    assert (report["records-gateway"]["rows"], report["records-trace"]["rows"]) == (1, 0)
    assert report["records-gateway"]["bytes"] > 100
    assert retain("--records", "5", "--apply")["records-trace"]["deleted"] == 1
    assert not CallRecord.objects.exists()


def test_a_worker_that_is_asked_to_stop_leaves_the_rest_to_the_next_one(monkeypatch, settings):
    settings.RETENTION_DAYS = settings.RETENTION_DAYS | {"runs": 30}
    monkeypatch.setattr(retention, "RUNS_AT_A_TIME", 1)
    for _number in range(3):
        make_run(days=100)
    stop_request.ask()
    try:
        delete_old_rows()
    finally:
        stop_request.forget()
    assert Run.all_objects.count() == 2  # what was begun is complete
    delete_old_rows()
    assert not Run.all_objects.exists()


def test_deliveries_are_kept_for_30_days():
    endpoint = WebhookEndpoint.objects.create(name="e", url="https://example.com", secret="s")
    for days in (31, 29, 1):
        row = WebhookDelivery.objects.create(endpoint=endpoint, event_type="a", body="{}")
        WebhookDelivery.objects.filter(pk=row.pk).update(created_at=NOW - timedelta(days=days))
    assert retain()["deliveries"]["rows"] == 1
    assert delete_old_rows() == 1
    assert retain("--deliveries", "2", "--apply")["deliveries"]["deleted"] == 1
    assert WebhookDelivery.objects.count() == 1


def test_logs_and_logins(admin_user):
    old = NOW - timedelta(days=100)
    for when in (old, NOW):
        entry = LogEntry.objects.create(
            user=admin_user, content_type=ContentType.objects.get_for_model(User), object_id="1",
            object_repr="a", action_flag=CHANGE,
        )  # fmt: skip
        LogEntry.objects.filter(pk=entry.pk).update(action_time=when)
        attempt = AccessAttempt.objects.create(
            username="a", ip_address="127.0.0.1", failures_since_start=1, user_agent=str(when)
        )
        AccessAttemptExpiration.objects.create(access_attempt=attempt, expires_at=when)
        failure = AccessFailureLog.objects.create(username="a", locked_out=False)
        login = AccessLog.objects.create(username="a")
        for row in (attempt, failure, login):
            type(row).objects.filter(pk=row.pk).update(attempt_time=when)
    report = retain("--logs", "30", "--apply")
    names = ("admin-log", "failed-logins", "login-failure-log", "login-log")
    assert [report[name]["deleted"] for name in names] == [1, 1, 1, 1]
    for model in (LogEntry, AccessAttempt, AccessAttemptExpiration, AccessFailureLog, AccessLog):
        assert model.objects.count() == 1


def test_answers_and_sessions_end_by_themselves():
    for hours in (25, 1):
        row = store_answer(
            caller="a", key=str(hours), fingerprint="f", status=200, headers={}, body="{}"
        )
        ended = NOW - timedelta(hours=hours)
        IdempotentAnswer.objects.filter(pk=row.pk).update(created_at=ended)
        Session.objects.create(
            session_key=str(hours), session_data="", expire_date=NOW + timedelta(hours=20 - hours)
        )
    assert delete_old_rows() == 2
    assert (IdempotentAnswer.objects.count(), Session.objects.count()) == (1, 1)


def trash(model, *keys, days=100):
    rows = model.all_objects.filter(pk__in=keys)
    rows.update(deleted_at=NOW - timedelta(days=days))


def test_the_trash(suite, text, admin_user):
    run, baseline = make_run(suite, text, days=200), make_run(days=200)
    make_run(days=1, baseline=baseline)
    trash(Run, run.pk, baseline.pk)
    column = Evaluation.objects.create(status="completed")
    result = TestResult.objects.create(evaluation=column)
    Rating.objects.create(result=result, user=admin_user, passed=True)
    trash(Evaluation, column.pk)
    gated = create_suite(name="gated")
    ReleaseGate.objects.create(prompt_id=text.prompt_id, suite=gated)
    trash(TestSuite, suite.pk, gated.pk)
    template = prompts.create_template(name="t", content="c")
    trash(PromptTemplate, template.pk)
    alone = prompts.create_prompt(title="alone", content="c")
    asked = prompts.create_prompt(title="asked", content="c")
    make_run(text=get_prompt_text(prompt_id=asked.pk), days=1)
    for prompt in (alone, asked):
        prompts.delete_prompt(prompt_id=prompt.pk)
    trash(Prompt, alone.pk, asked.pk)

    report = retain("--trash", "30", "--apply")
    deleted = {name: report[name]["deleted"] for name in report if name.startswith("trash-")}
    assert deleted == {
        "trash-runs": 1, "trash-evaluations": 1, "trash-prompts": 1, "trash-templates": 1,
        "trash-suites": 1,
    }  # fmt: skip
    assert report["trash-runs"]["kept"] == {"baseline": 1}
    assert report["trash-prompts"]["kept"] == {"in-runs": 1}
    assert not TestCase.objects.exists()
    assert list(Prompt.all_objects.deleted()) == [asked]
    assert list(TestSuite.all_objects.all()) == [gated]
    again = retain("--trash", "30", "--apply")
    assert not sum(kind["deleted"] for kind in again.values())


def test_young_trash_stays(suite):
    delete_suites([suite.pk])
    assert retain("--trash", "30", "--apply")["trash-suites"]["deleted"] == 0
    assert TestSuite.all_objects.exists()


def test_only_one_group():
    assert set(retain("--only", "records")) == {"records-gateway", "records-trace"}
    assert set(retain("--only", "runs", "--only", "trash")) == {
        "runs", "trash-runs", "trash-evaluations", "trash-prompts", "trash-templates",
        "trash-suites",
    }  # fmt: skip
    assert "api-answers" in retain("--only", "logs")


def test_people_read_sentences():
    baseline = make_run(days=300)
    make_run(days=100, status="running")
    make_run(days=200)
    make_run(days=10, baseline=baseline)
    day = (NOW - timedelta(days=200)).date().isoformat()
    lines = say("--runs", "30", "--only", "runs")
    assert lines == [
        f"runs: 1 older than 30 days (--runs), the oldest of {day}, with 3 answers, about 3 KiB",
        "  kept: 1 (the baseline of a run that stays)",
        "  kept: 1 (not finished)",
        "Nothing was deleted; --apply deletes 1.",
    ]
    assert say("--runs", "30", "--only", "runs", "--apply")[-1] == "1 deleted."
    assert say("--runs", "250", "--only", "results") == [
        "results: kept for ever (RETENTION_RESULTS_DAYS is not set)",
        "Nothing is old enough to be deleted.",
    ]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, "1 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1 KiB"),
        (5 * 1024**2, "5 MiB"),
        (3 * 1024**3, "3.0 GiB"),
    ],
)
def test_sizes(size, expected):
    from autoforge.management.commands.data_retention import _format_size

    assert _format_size(size) == expected


def test_where_one_kind_cannot_go_the_others_do(settings, monkeypatch, caplog):
    settings.RETENTION_DAYS = settings.RETENTION_DAYS | {"runs": 30, "logs": 30}
    make_run()
    keep()
    CallRecord.objects.update(received_at=NOW - timedelta(days=100))

    def fail(_run_ids, **_options):
        raise OperationalError("locked")

    monkeypatch.setattr(retention, "delete_runs_for_good", fail)
    monkeypatch.setattr(kinds.retention, "delete_runs_for_good", fail)
    monkeypatch.setattr(
        "autoforge.operations.retention.tasks.explain", lambda _error: "the database is locked"
    )
    assert delete_old_rows() == 1
    assert caplog.messages == ["Old rows (runs) could not be deleted: the database is locked"]
    assert not CallRecord.objects.exists()


def test_every_kind_has_a_name_of_its_own():
    names = [kind.name for kind in list_kinds(read_ages())]
    assert len(set(names)) == len(names) == len(kinds.KINDS)
