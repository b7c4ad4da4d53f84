"""The admin's and the services' own queries find their rows by an index.

docs/database.md shows the plans; `QuerySet.explain()` prints each.
"""

from datetime import UTC, datetime

import pytest
from django.db.models import QuerySet

from core.events.models import WebhookDelivery
from evaluations.models import CallRecord, Evaluation, Run, RunCase, TestCase, TestResult
from prompts.models import Prompt, PromptTemplate, PromptVersion

pytestmark = pytest.mark.django_db

KEY = "0123456789abcdef0123456789abcdef"
ADMIN_PAGE = 50
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)

PLANS: dict[str, tuple[QuerySet, str]] = {
    "prompt list": (
        Prompt.objects.order_by("-updated_at", "title", "-pk")[:ADMIN_PAGE],
        "idx_prompts_updated_at",
    ),
    "prompts of a user": (Prompt.objects.filter(user_id="u").order_by(), "idx_prompts_user_id"),
    "prompts by status": (
        Prompt.all_objects.filter(status="draft").order_by(),
        "idx_prompts_status",
    ),
    "a prompt by its name": (
        Prompt.objects.filter(name="support-reply").order_by(),
        "idx_prompts_name",
    ),
    "duplicate titles of an import": (
        Prompt.objects.filter(title__in=["a", "b"]).order_by(),
        "idx_prompts_title",
    ),
    "versions of a prompt": (
        PromptVersion.objects.filter(prompt_id=KEY).order_by("-number"),
        "sqlite_autoindex_prompt_versions_2",
    ),
    "version list": (
        PromptVersion.objects.order_by("-created_at", "-number", "-pk")[:ADMIN_PAGE],
        "idx_versions_created_at",
    ),
    "template list": (
        PromptTemplate.objects.order_by("category", "name", "-pk")[:ADMIN_PAGE],
        "idx_templates_category",
    ),
    "evaluations of a prompt": (
        Evaluation.all_objects.filter(prompt_id=KEY).order_by(),
        "idx_evaluations_prompt_id",
    ),
    "evaluations by status": (
        Evaluation.all_objects.filter(status="running").order_by(),
        "idx_evaluations_status",
    ),
    "evaluation list": (
        Evaluation.objects.order_by("-created_at", "-pk")[:ADMIN_PAGE],
        "idx_evaluations_created_at",
    ),
    "run list": (
        Run.objects.order_by("-created_at", "-pk")[:ADMIN_PAGE],
        "idx_evaluation_runs_created_at",
    ),
    "runs by status": (
        Run.all_objects.filter(status="running").order_by(),
        "idx_evaluation_runs_status",
    ),
    "cases of a run": (
        RunCase.objects.filter(run_id=KEY, position__gte=500).order_by("position")[:500],
        "sqlite_autoindex_evaluation_run_cases_1",
    ),
    "earlier answers": (
        TestResult.objects.filter(request_hash__in=["a", "b"]).order_by(),
        "idx_test_results_request_hash",
    ),
    "case list": (
        TestCase.objects.order_by("-updated_at", "-pk")[:ADMIN_PAGE],
        "idx_test_cases_updated_at",
    ),
    "cases of a suite": (
        TestCase.objects.filter(suite_id=KEY).order_by("name"),
        "sqlite_autoindex_test_cases_2",
    ),
    "result list": (
        TestResult.objects.order_by("-created_at", "-pk")[:ADMIN_PAGE],
        "idx_test_results_created_at",
    ),
    "webhooks that are due": (
        WebhookDelivery.objects.filter(
            status="pending", next_attempt_at__lte=NOON, endpoint_id=KEY
        ).order_by("next_attempt_at"),
        "idx_webhook_due",
    ),
    "webhook log": (
        WebhookDelivery.objects.order_by("-created_at", "-pk")[:ADMIN_PAGE],
        "idx_webhook_newest",
    ),
    "webhook log of an endpoint": (
        WebhookDelivery.objects.filter(endpoint_id=KEY).order_by("-created_at", "-pk"),
        "idx_webhook_endpoint",
    ),
    "record list": (
        CallRecord.objects.order_by("-asked_at", "-pk")[:ADMIN_PAGE],
        "idx_call_records_asked_at",
    ),
    "records of a model": (
        CallRecord.objects.filter(model="m").order_by("-asked_at", "-pk")[:ADMIN_PAGE],
        "idx_call_records_model",
    ),
    "records of a prompt": (
        CallRecord.objects.filter(prompt_name="p").order_by("-asked_at", "-pk")[:ADMIN_PAGE],
        "idx_call_records_prompt",
    ),
    "records that are too old": (
        CallRecord.objects.filter(source="trace", received_at__lt=NOON).order_by("received_at"),
        "idx_call_records_received",
    ),
    "results of an evaluation": (
        TestResult.objects.filter(evaluation_id=KEY).order_by(),
        "test_results_evaluation_id",
    ),
}


@pytest.mark.parametrize(("queryset", "index"), PLANS.values(), ids=PLANS)
def test_the_query_uses_its_index(queryset, index):
    plan = queryset.explain()
    assert f"USING INDEX {index}" in plan
    # Every step of the plan walks an index: no table is read whole, none sorted whole.
    assert all("INDEX" in step for step in plan.splitlines() if "SCAN" in step or "SEARCH" in step)
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan
