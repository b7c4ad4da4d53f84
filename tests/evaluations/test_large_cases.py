"""Cases of megabytes are copied, asked, stored and shown; what is too large is named."""

import json
import sqlite3
from contextlib import nullcontext

import pytest
from django.db import connection
from django.urls import reverse

from core.errors import InvalidInputError
from evaluations.engine.providers import ProviderSpec
from evaluations.engine.types import Case
from evaluations.models import Run, RunCase, TestCase, TestResult
from evaluations.services.planning import (
    NewCase,
    Plan,
    PlannedColumn,
    create_run,
    load_cases,
)
from evaluations.services.runs import execute_run
from evaluations.services.store import insert_rows
from evaluations.services.suites import create_case, create_suite
from prompts.interface import get_prompt_text
from prompts.services import create_prompt

pytestmark = pytest.mark.django_db(transaction=True)
MEBIBYTE = 1024 * 1024


@pytest.fixture
def suite():
    return create_suite(name="large")


def plan_of(suite):
    names = [{"name": "x"}, {"name": "y"}]
    content = "{% if y %}{{ x }}{% endif %}"
    prompt = create_prompt(title="P", content=content, syntax="jinja", variables=names)
    text = get_prompt_text(prompt_id=prompt.pk)
    return Plan(columns=[PlannedColumn(spec=ProviderSpec(kind="echo"), prompt=text)], suite=suite)


def test_many_large_cases_run_to_their_end(suite, client, owner):
    """Together they are far beyond what libSQL takes as one value, or sends as one answer."""
    sizes = [MEBIBYTE] * 12 + [10, 4 * MEBIBYTE + 200_000, 20]
    for number, size in enumerate(sizes):
        create_case(
            suite_id=suite.pk,
            name=f"case {number}",
            variables={"x": f"x{number}", "y": "y" * size},
            assertions=[{"type": "equals", "value": f"x{number}"}],
        )
    finished = execute_run(create_run(plan_of(suite), load_cases(suite.pk)).pk)
    assert finished.status == Run.Status.COMPLETED
    assert RunCase.objects.filter(run=finished).count() == len(sizes)
    results = TestResult.objects.filter(evaluation__run=finished)
    assert sorted(result.output for result in results) == sorted(f"x{n}" for n in range(len(sizes)))
    assert all(result.passed for result in results)
    client.force_login(owner)
    page = client.get(reverse("admin:evaluations_run_change", args=[finished.pk]))
    assert page.content.count(b'class="ev-pass"') == len(sizes)


IS_LIBSQL = connection.settings_dict["ENGINE"] == "django_hrana"


def test_a_case_of_a_file_that_the_database_does_not_take_is_named(suite):
    values = {"x": "x", "y": "y" * 6 * MEBIBYTE}
    cases = [
        Case(name="small", variables={"x": "1", "y": "2"}),
        Case(name="too large", variables=values),
    ]
    with pytest.raises(InvalidInputError) if IS_LIBSQL else nullcontext() as caught:
        create_run(plan_of(suite), ((None, case) for case in cases))
    assert Run.objects.exists() is not IS_LIBSQL
    if caught:
        assert "the case “too large” is too large" in str(caught.value)
        assert "at most 5,000,000 bytes" in str(caught.value)


def test_a_form_with_more_than_the_database_takes_is_refused_in_one_sentence(client, owner, suite):
    """Each of its fields would fit."""
    client.force_login(owner)
    large = 3 * MEBIBYTE
    form = {
        "suite": suite.pk,
        "name": "too large",
        "variables": json.dumps({"x": "x" * large}),
        "assertions": json.dumps([{"type": "contains", "value": "v" * large}]),
        "weight": "1",
        "enabled": "on",
        "expected": "",
    }
    answer = client.post(reverse("admin:evaluations_testcase_add"), form)
    if IS_LIBSQL:
        assert answer.status_code == 413
        assert "The database accepts at most 5,000,000 bytes for all" in answer.content.decode()
    assert TestCase.objects.exists() is not IS_LIBSQL


@pytest.mark.skipif(IS_LIBSQL, reason="its own limit is tested above")
def test_a_case_beyond_the_limit_of_a_connection_is_named(suite):
    connection.ensure_connection()
    usual = connection.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MEBIBYTE)
    try:
        cases = [Case(name="small", variables={"x": "1", "y": "2"})]
        cases.append(Case(name="too large", variables={"x": "x", "y": "y" * 2 * MEBIBYTE}))
        with pytest.raises(InvalidInputError, match="the case “too large” is too large"):
            create_run(plan_of(suite), ((None, case) for case in cases))
    finally:
        connection.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, usual)
    assert not Run.objects.exists()


@pytest.mark.skipif(IS_LIBSQL, reason="it takes no value of this size")
def test_a_document_of_megabytes_is_stored_as_a_small_one_is(suite):
    run = create_run(plan_of(suite), [(None, Case(name="small", variables={"x": "1"}))])
    assert insert_rows(RunCase._meta.db_table, NewCase._fields, []) == 0
    for position, size in enumerate((10, 5 * MEBIBYTE), start=1):
        document = {"variables": {"y": "y" * size}}
        row = (run.pk.hex, position, None, f"key {position}", "a case", 1.0, document)
        assert insert_rows(RunCase._meta.db_table, NewCase._fields, [row]) == 1
        stored = RunCase.objects.get(run=run, position=position)
        assert (stored.document, stored.name, stored.case) == (document, "a case", None)
