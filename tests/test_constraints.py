"""Every rule that the database holds, broken in the database itself and in a form."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from core.events.models import WebhookDelivery, WebhookEndpoint
from evaluations.models import (
    CallRecord,
    Evaluation,
    GateEvent,
    KeySpending,
    ModelProfile,
    Rating,
    ReleaseGate,
    Run,
    RunCase,
    TestCase,
    TestResult,
    TestSuite,
)
from prompts.models import Prompt, PromptEvent, PromptLabel, PromptTemplate, PromptVersion
from tests.support.schema import TABLES

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
EARLIER = datetime(2026, 11, 24, 11, tzinfo=UTC)
OURS = ("events", "prompts", "evaluations")
BLANKS = ["", " ", "\t\r\n", "\u3000", "\xa0\u2003", "\x1c\x85\u2028"]


@pytest.fixture
def rows(owner):
    """Return one good row of each table, to copy and break."""
    prompt = Prompt.objects.create(title="t", name="t", content="c")
    version = PromptVersion.objects.create(
        prompt=prompt, number=1, content="c", content_hash="0" * 64
    )
    event = PromptEvent.objects.create(prompt=prompt, kind="label", label="own", after="1")
    suite = TestSuite.objects.create(name="s")
    case = TestCase.objects.create(suite=suite, name="c")
    run = Run.objects.create(suite=suite)
    evaluation = Evaluation.objects.create(prompt=prompt, version=version, suite=suite, run=run)
    run_case = RunCase.objects.create(run=run, position=0, name="c", key="0" * 64)
    result = TestResult.objects.create(evaluation=evaluation, case=case, run_case=run_case)
    endpoint = WebhookEndpoint.objects.create(name="w", url="https://h", secret="s")
    return {
        WebhookEndpoint: endpoint,
        WebhookDelivery: WebhookDelivery.objects.create(
            endpoint=endpoint, event_type="webhook.test", body="{}"
        ),
        Run: run,
        RunCase: run_case,
        CallRecord: CallRecord.objects.create(
            source="trace", trace_id="a" * 32, span_id="b" * 16, asked_at=NOON, answered_at=NOON
        ),
        KeySpending: KeySpending.objects.create(caller="key:1", day=NOON.date()),
        ModelProfile: ModelProfile.objects.create(name="m", provider="echo"),
        ReleaseGate: ReleaseGate.objects.create(prompt=prompt, suite=suite),
        GateEvent: GateEvent.objects.create(prompt=prompt, gate=suite.pk, kind="created"),
        Rating: Rating.objects.create(result=result, user=owner, passed=True),
        Prompt: prompt,
        PromptVersion: version,
        PromptEvent: event,
        PromptLabel: PromptLabel.objects.create(prompt=prompt, name="own", version=version),
        PromptTemplate: PromptTemplate.objects.create(name="t", content="c"),
        TestSuite: suite,
        TestCase: case,
        Evaluation: evaluation,
        TestResult: result,
    }


BROKEN = [
    *((Prompt, {"title": text}, "prompts_title_not_blank") for text in BLANKS),
    *((Prompt, {"content": text}, "prompts_content_not_blank") for text in BLANKS),
    (Prompt, {"status": "gone"}, "prompts_status_known"),
    (Prompt, {"status": "Draft"}, "prompts_status_known"),
    (Prompt, {"current_version": 0}, "prompts_current_version_from_1"),
    (Prompt, {"tags": {}}, "prompts_tags_is_list"),
    (Prompt, {"tags": "a"}, "prompts_tags_is_list"),
    (Prompt, {"metadata": []}, "prompts_metadata_is_object"),
    (Prompt, {"name": "t"}, "prompts_name_unique"),
    (Prompt, {"kind": "song"}, "prompts_kind_known"),
    (Prompt, {"syntax": "php"}, "prompts_syntax_known"),
    (Prompt, {"variables": {}}, "prompts_variables_is_list"),
    (Prompt, {"includes": {}}, "prompts_includes_is_list"),
    (Prompt, {"config": []}, "prompts_config_is_object"),
    (PromptVersion, {"number": 2, "kind": "song"}, "prompt_versions_kind_known"),
    (PromptVersion, {"number": 2, "syntax": ""}, "prompt_versions_syntax_known"),
    (PromptVersion, {"number": 2, "variables": {}}, "prompt_versions_variables_is_list"),
    (PromptVersion, {"number": 2, "includes": {}}, "prompt_versions_includes_is_list"),
    (PromptVersion, {"number": 2, "config": []}, "prompt_versions_config_is_object"),
    (PromptEvent, {"kind": "party"}, "prompt_events_kind_known"),
    (PromptEvent, {"details": []}, "prompt_events_details_is_object"),
    (PromptLabel, {}, "prompt_labels_name_unique"),
    (PromptVersion, {"number": 0}, "prompt_versions_number_from_1"),
    (PromptVersion, {"number": 1}, "prompt_versions_number_unique"),
    (PromptVersion, {"number": 2, "content": "\u3000"}, "prompt_versions_content_not_blank"),
    (PromptVersion, {"number": 2, "content_hash": "abc"}, "prompt_versions_hash_is_sha256"),
    (PromptTemplate, {"name": "t"}, "prompt_templates_name_unique"),
    (PromptTemplate, {"name": "\u3000"}, "prompt_templates_name_not_blank"),
    (PromptTemplate, {"name": "u", "content": "\n"}, "prompt_templates_content_not_blank"),
    (PromptTemplate, {"name": "u", "parameters": {}}, "prompt_templates_parameters_is_list"),
    (TestSuite, {"name": "s"}, "test_suites_name_unique"),
    (TestSuite, {"name": " "}, "test_suites_name_not_blank"),
    (TestCase, {"name": "c"}, "test_cases_name_unique"),
    (TestCase, {"name": "\t"}, "test_cases_name_not_blank"),
    (TestCase, {"name": "d", "weight": -0.1}, "test_cases_weight_not_negative"),
    (TestCase, {"name": "d", "variables": []}, "test_cases_variables_is_object"),
    (TestCase, {"name": "d", "assertions": {}}, "test_cases_assertions_is_list"),
    (TestCase, {"name": "d", "threshold": 1.5}, "test_cases_threshold_0_to_1"),
    (TestCase, {"name": "d", "tags": {}}, "test_cases_tags_is_list"),
    (TestCase, {"name": "d", "metadata": []}, "test_cases_metadata_is_object"),
    (WebhookEndpoint, {"name": " "}, "webhook_endpoints_name_not_blank"),
    (WebhookEndpoint, {"name": "x", "event_types": {}}, "webhook_endpoints_event_types_is_list"),
    (WebhookDelivery, {"status": "lost"}, "webhook_deliveries_status_known"),
    (WebhookDelivery, {"body": "[]"}, "webhook_deliveries_body_is_object"),
    (Run, {"status": "done"}, "evaluation_runs_status_known"),
    (Run, {"repeats": 0}, "evaluation_runs_repeats_from_1"),
    (Run, {"max_cost_usd": Decimal(-1)}, "evaluation_runs_limits_not_negative"),
    (Run, {"max_seconds": -1.0}, "evaluation_runs_limits_not_negative"),
    (Run, {"settings": []}, "evaluation_runs_settings_is_object"),
    (Run, {"estimate": []}, "evaluation_runs_estimate_is_object"),
    (RunCase, {}, "evaluation_run_cases_position_unique"),
    (RunCase, {"position": 1, "document": []}, "evaluation_run_cases_document_is_object"),
    (CallRecord, {}, "call_records_span_once"),
    (CallRecord, {"span_id": "", "source": "rumour"}, "call_records_source_known"),
    (CallRecord, {"span_id": "", "messages": {}}, "call_records_messages_is_list"),
    (CallRecord, {"span_id": "", "parameters": []}, "call_records_parameters_is_object"),
    (CallRecord, {"span_id": "", "variables": []}, "call_records_variables_is_object"),
    (CallRecord, {"span_id": "", "metadata": []}, "call_records_metadata_is_object"),
    (CallRecord, {"span_id": "", "cost_usd": -1}, "call_records_cost_not_negative"),
    (KeySpending, {}, "key_spending_unique"),
    (KeySpending, {"caller": "key:2", "nano_usd": -1}, "key_spending_not_negative"),
    (ModelProfile, {"name": " "}, "model_profiles_name_not_blank"),
    (ModelProfile, {"name": "n", "parameters": []}, "model_profiles_parameters_is_object"),
    (ModelProfile, {"name": "n", "concurrency": 0}, "model_profiles_concurrency_from_1"),
    (ReleaseGate, {}, "release_gates_once"),
    (ReleaseGate, {"pass_rate": 1.5}, "release_gates_rates_0_to_1"),
    (GateEvent, {"kind": "party"}, "gate_events_kind_known"),
    (GateEvent, {"changes": []}, "gate_events_changes_is_object"),
    (Rating, {}, "ratings_once"),
    (Evaluation, {}, "evaluations_position_unique"),
    (Evaluation, {"position": 1, "target": []}, "evaluations_target_is_object"),
    (Evaluation, {"position": 1, "summary": []}, "evaluations_summary_is_object"),
    (TestResult, {}, "test_results_once"),
    (TestResult, {"repeat": 1, "messages": {}}, "test_results_messages_is_list"),
    (TestResult, {"repeat": 1, "components": {}}, "test_results_components_is_list"),
    (TestResult, {"repeat": 1, "details": []}, "test_results_details_is_object"),
    (Evaluation, {"position": 1, "parameters": []}, "evaluations_parameters_is_object"),
    (Evaluation, {"position": 1, "status": "done"}, "evaluations_status_known"),
    (Evaluation, {"position": 1, "overall_score": 1.01}, "evaluations_overall_score_0_to_1"),
    (Evaluation, {"position": 1, "overall_score": -0.01}, "evaluations_overall_score_0_to_1"),
    (
        Evaluation,
        {"position": 1, "started_at": NOON, "finished_at": EARLIER},
        "evaluations_finished_after_started",
    ),
    (TestResult, {"repeat": 1, "score": 2.0}, "test_results_score_0_to_1"),
    (TestResult, {"repeat": 1, "latency_ms": -1}, "test_results_latency_not_negative"),
    (TestResult, {"repeat": 1, "input_tokens": -1}, "test_results_tokens_not_negative"),
    (TestResult, {"repeat": 1, "output_tokens": -1}, "test_results_tokens_not_negative"),
    (TestResult, {"repeat": 1, "cost_usd": Decimal("-0.01")}, "test_results_cost_not_negative"),
]
GOOD = [
    (Prompt, {"title": "t", "name": "u", "content": "\u3000x\u3000", "status": "archived"}),
    (PromptVersion, {"number": 2}),
    (TestSuite, {"name": "S"}),
    (TestCase, {"name": "d", "weight": 0.0}),
    (Evaluation, {"position": 1, "overall_score": 0.0}),
    (Evaluation, {"position": 1, "overall_score": 1.0, "status": "completed"}),
    (Evaluation, {"position": 1, "started_at": NOON, "finished_at": NOON}),
    (Evaluation, {"position": 1, "finished_at": NOON, "status": "cancelled"}),
    (
        TestResult,
        {"repeat": 1, "score": 1.0, "passed": True, "latency_ms": 0, "cost_usd": Decimal(0)},
    ),
]


def copy(row: models.Model, changes: dict) -> models.Model:
    """Return a new row like `row`, with other values."""
    names = [field.attname for field in row._meta.concrete_fields if field.name != "id"]
    values = {name: getattr(row, name) for name in names if name != "created_at"}
    if type(row) is Prompt:
        changes = {"name": "another"} | changes
    return type(row)(**(values | changes))


def violates(constraint: str, message: str) -> bool:
    """Whether the database's message is about the constraint: it names it, or its columns."""
    columns = {
        "prompts_name_unique": "prompts.name",
        "prompt_labels_name_unique": "prompt_labels.prompt_id, prompt_labels.name",
        "prompt_versions_number_unique": "prompt_versions.prompt_id, prompt_versions.number",
        "prompt_templates_name_unique": "prompt_templates.name",
        "test_suites_name_unique": "test_suites.name",
        "test_cases_name_unique": "test_cases.suite_id, test_cases.name",
        "evaluation_run_cases_position_unique": "evaluation_run_cases.run_id, evaluation_run_cases",
        "call_records_span_once": "call_records.trace_id, call_records.span_id",
        "key_spending_unique": "key_spending.caller, key_spending.day",
        "release_gates_once": "release_gates.prompt_id, release_gates.suite_id",
        "ratings_once": "ratings.result_id, ratings.user_id",
        "evaluations_position_unique": "evaluations.run_id, evaluations.position",
        "test_results_once": "test_results.evaluation_id, test_results.run_case_id",
    }
    # SQLite's own check of an unsigned column stands before ours and has no name.
    return constraint in message or columns.get(constraint, "CHECK constraint failed") in message


@pytest.mark.parametrize(
    ("model", "changes", "constraint"),
    BROKEN,
    ids=[f"{model.__name__}-{constraint}-{n}" for n, (model, _, constraint) in enumerate(BROKEN)],
)
def test_the_database_refuses(rows, model, changes, constraint):
    row = copy(rows[model], changes)
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        row.save(force_insert=True)
    assert violates(constraint, str(refusal.value))


@pytest.mark.parametrize(
    ("model", "changes", "constraint"),
    BROKEN,
    ids=[f"{model.__name__}-{constraint}-{n}" for n, (model, _, constraint) in enumerate(BROKEN)],
)
def test_a_form_says_why(rows, model, changes, constraint):
    rule = next(rule for rule in model._meta.constraints if rule.name == constraint)
    with pytest.raises(ValidationError) as refusal:
        rule.validate(model, copy(rows[model], changes))
    assert refusal.value.messages == [str(rule.violation_error_message)]


@pytest.mark.parametrize(("model", "changes"), GOOD)
def test_the_database_takes(rows, model, changes):
    copy(rows[model], changes).save(force_insert=True)


def test_a_deleted_rows_name_is_free(rows):
    rows[PromptTemplate].delete()
    rows[TestSuite].delete()
    PromptTemplate.objects.create(name="t", content="c")
    TestSuite.objects.create(name="s")


def test_an_evaluation_names_a_version_of_its_own_prompt(rows):
    other = Prompt.objects.create(title="other", content="c")
    evaluation = Evaluation(prompt=other, version=rows[PromptVersion])
    with pytest.raises(ValidationError, match="This version belongs to a different prompt"):
        evaluation.clean()
    rows[Evaluation].clean()
    Evaluation(prompt=other).clean()


def our_models() -> list[type[models.Model]]:
    return [model for app in OURS for model in apps.get_app_config(app).get_models()]


def test_every_constraint_is_broken_above_and_has_a_message():
    tested = {constraint for _, _, constraint in BROKEN}
    rules = [rule for model in our_models() for rule in model._meta.constraints]
    assert {rule.name for rule in rules} == tested
    defaults = {str(rule.default_violation_error_message) for rule in rules}
    assert not {str(rule.violation_error_message) for rule in rules} & defaults


def test_the_tables_and_indexes_have_the_names_that_the_team_uses():
    tables = {model._meta.db_table for model in our_models()}
    assert tables == TABLES
    indexes = {index.name for model in our_models() for index in model._meta.indexes}
    assert indexes >= {
        "idx_prompts_user_id",
        "idx_prompts_status",
        "idx_evaluations_prompt_id",
        "idx_evaluations_status",
    }


def test_every_field_explains_itself():
    fields = [field for model in our_models() for field in model._meta.concrete_fields]
    assert [str(field) for field in fields if not field.help_text] == []
