"""Actions of lists: what is selected is done whole, counted truthfully, or refused by number."""

import html
import re

import pytest
from django.contrib import admin as django_admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.urls import resolve, reverse

from core.bulk import jobs
from core.bulk.actions import BulkAction
from evaluations.models import (
    Evaluation,
    ModelProfile,
    ReleaseGate,
    Run,
    TestCase,
    TestResult,
    TestSuite,
)
from prompts import services
from prompts.models import (
    LabelRule,
    Prompt,
    PromptEvent,
    PromptLabel,
    PromptTemplate,
    PromptVersion,
)

pytestmark = pytest.mark.django_db

MANY = 1022


@pytest.fixture
def admin(client, owner):
    client.force_login(owner)
    return client


def make_prompts(count, **fields):
    rows = [
        Prompt(title=f"Prompt {n:04}", name=f"prompt-{n:04}", content="text", **fields)
        for n in range(count)
    ]
    Prompt.objects.bulk_create(rows)
    PromptVersion.objects.bulk_create([services.prompts.build_version(row) for row in rows])
    return rows


def changelist(model, query=""):
    opts = model._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist") + query


def act(client, model, action, *, query="", rows=(), **extra):
    """Do an action on the whole of a list, or on rows of it; return the page that ends it."""
    keys = [str(row.pk) for row in rows] or [str(model._base_manager.first().pk)]
    data = {"action": action, "_selected_action": keys, **extra}
    if not rows:
        data["select_across"] = "1"
    response = client.post(changelist(model, query), data, follow=True)
    return go_on(client, response)


def go_on(client, response):
    """Press "Continue" until the action is done."""
    while (page := text_of(response)) and "data-goes-on" in page:
        response = client.post(response.request["PATH_INFO"], follow=True)
    return response


def text_of(response):
    return html.unescape(response.content.decode()) if response.content else ""


def confirm(client, response, **values):
    """Send the form of a question."""
    page = text_of(response)
    address = re.search(r'action="(/admin/bulk/[^"]+)"', page)[1]
    assert page.count("<input") < 20  # no row is written into the page
    return go_on(client, client.post(address, {"confirmed": "yes", **values}, follow=True))


def test_every_action_of_prompts_is_carried_out_whole(admin):
    make_prompts(MANY)
    active, deleted = "?q=&status__exact=active", "?state=deleted"
    page = act(admin, Prompt, "archive_selected")
    assert f"{MANY} changed to “Archived”." in text_of(page)
    assert Prompt.objects.filter(status="archived").count() == MANY
    page = act(admin, Prompt, "unarchive_selected")
    assert f"{MANY} items restored." in text_of(page)
    page = act(admin, Prompt, "activate_selected")
    assert f"{MANY} changed to “Active”." in text_of(page)
    assert Prompt.objects.filter(status="active").count() == MANY
    assert PromptEvent.objects.filter(kind="status", actor="owner").count() == 3 * MANY

    page = act(admin, Prompt, "label_selected", query=active)
    assert f"{MANY} rows are selected" in text_of(page)
    assert "and 1012 more" in text_of(page)
    page = confirm(admin, page, label="staging", reason="all of them")
    assert f"{MANY} updated." in text_of(page)
    assert PromptLabel.objects.filter(name="staging").count() == MANY
    page = confirm(admin, act(admin, Prompt, "tag_selected"), tags="one, 二")
    assert f"{MANY} updated." in text_of(page)
    assert all(tags == ["one", "二"] for tags in Prompt.objects.values_list("tags", flat=True))
    page = confirm(admin, act(admin, Prompt, "tag_selected"), tags="one")
    assert f"0 updated. {MANY} did not need a change." in text_of(page)
    exported = confirm(admin, act(admin, Prompt, "export_selected"), format="jsonl")
    assert len(exported.content.splitlines()) == MANY

    page = confirm(admin, act(admin, Prompt, "delete_selected"))
    assert f"{MANY} deleted." in text_of(page)
    assert not Prompt.objects.exists()
    page = act(admin, Prompt, "restore_selected", query=deleted)
    assert f"{MANY} items restored." in text_of(page)
    assert PromptEvent.objects.filter(kind="restored", actor="owner").count() == MANY
    confirm(admin, act(admin, Prompt, "delete_selected"))
    page = act(admin, Prompt, "purge_selected", query=deleted)
    assert f"This permanently deletes {MANY} prompts" in text_of(page)
    page = confirm(admin, page, reason="an order")
    assert f"{MANY} permanently deleted." in text_of(page)
    assert not Prompt.all_objects.exists()
    assert LogEntry.objects.filter(change_message="an order").count() == MANY
    assert Session.objects.count() == 2  # the login, and the page that gave the export


def make_rows(model, count):
    """Make so many rows of a model."""
    suite = TestSuite(name="Suite")
    if model in (TestCase, ReleaseGate):
        suite.save()
    prompts = make_prompts({ReleaseGate: count, Evaluation: 1, TestResult: 1}.get(model, 0))
    first = prompts[0] if prompts else None
    evaluation = Evaluation(prompt=first, label="column")
    if model is TestResult:
        evaluation.save()
    if model in (LabelRule, Group):
        model.objects.all().delete()
    make = {
        TestCase: lambda n: TestCase(suite=suite, name=f"case {n}"),
        TestResult: lambda _n: TestResult(evaluation=evaluation, score=0.5),
        Evaluation: lambda n: Evaluation(prompt=first, label=f"column {n}"),
        ReleaseGate: lambda n: ReleaseGate(prompt=prompts[n], suite=suite),
        LabelRule: lambda n: LabelRule(label=f"label-{n}"),
        ModelProfile: lambda n: ModelProfile(name=f"profile {n}", provider="echo"),
        PromptTemplate: lambda n: PromptTemplate(name=f"template {n}", content="c"),
        User: lambda n: User(username=f"user{n}"),
    }.get(model, lambda n: model(name=f"row {n}"))
    model._base_manager.bulk_create([make(n) for n in range(count)])


@pytest.mark.parametrize("model", [PromptTemplate, TestSuite, Run, Evaluation])
def test_what_has_a_trash_is_deleted_and_restored_whole(admin, model):
    # Those two are restored one by one, because a name may be taken by now.
    count = 150 if model in (PromptTemplate, TestSuite) else MANY
    make_rows(model, count)
    page = act(admin, model, "delete_selected")
    assert "They will be moved to the trash and can be restored." in text_of(page)
    assert f"{count} deleted." in text_of(confirm(admin, page))
    assert not model.objects.exists()
    page = act(admin, model, "restore_selected", query="?state=deleted")
    assert f"{count} items restored." in text_of(page)
    assert model.objects.count() == count


@pytest.mark.parametrize(
    "model", [TestCase, TestResult, ModelProfile, ReleaseGate, LabelRule, User, Group]
)
def test_what_has_no_trash_is_removed_whole(admin, model, owner):
    make_rows(model, MANY)
    query = "?is_superuser__exact=0" if model is User else ""
    page = act(admin, model, "delete_selected", query=query)
    assert "This permanently deletes" in text_of(page)
    assert f"{MANY} deleted." in text_of(confirm(admin, page))
    assert model.objects.exclude(pk=owner.pk if model is User else None).count() == 0
    assert LogEntry.objects.filter(user=owner).count() == MANY


def test_every_list_has_actions_that_are_ours():
    """A list that is added later takes its actions by the same way."""
    django_admin.autodiscover()  # pages are read late, and whole
    for model, model_admin in django_admin.site._registry.items():
        names = [name for _func, name, _title in model_admin._get_base_actions()]
        assert "delete_selected" in names
        for action, name, _title in model_admin._get_base_actions():
            is_ours = isinstance(action, BulkAction)
            assert is_ours or (model is PromptVersion and name == "make_current")


def test_a_selection_is_that_of_the_filter_and_the_search(admin):
    make_prompts(30)
    for row in Prompt.objects.all()[:12]:
        services.set_status([row], status=Prompt.Status.ARCHIVED)
    page = act(admin, Prompt, "tag_selected", query="?status__exact=archived")
    assert "12 rows are selected" in text_of(page)
    confirm(admin, page, tags="old")
    assert Prompt.objects.exclude(tags=[]).count() == 12
    page = act(admin, Prompt, "tag_selected", query="?q=Prompt+001")
    assert "11 rows are selected" in text_of(page)


def test_a_search_that_finds_more_than_a_thousand_selects_them_all(admin):
    make_prompts(MANY)
    page = act(admin, Prompt, "archive_selected", query="?q=prompt")
    assert f"{MANY} changed to “Archived”." in text_of(page)


def test_keys_that_a_browser_sends_one_by_one(admin):
    rows = make_prompts(MANY)
    page = act(admin, Prompt, "archive_selected", rows=rows)
    assert f"{MANY} changed to “Archived”." in text_of(page)


def test_what_is_long_goes_on_in_the_next_request(admin, monkeypatch):
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 0)
    make_prompts(250)
    data = {"action": "archive_selected", "_selected_action": ["x"], "select_across": "1"}
    page = admin.post(changelist(Prompt, "?o=1"), data, follow=True)
    address = page.request["PATH_INFO"]
    assert "100 of 250 rows done." in text_of(page)
    assert '<progress class="wk-progress"' in text_of(page)
    assert "autoforge/bulk" in text_of(page)
    assert Prompt.objects.filter(status="archived").count() == 100
    assert "100 of 250 rows done." in text_of(admin.get(address))  # looking does nothing
    assert "200 of 250 rows done." in text_of(admin.post(address, follow=True))
    page = admin.post(address, follow=True)
    assert "250 changed to “Archived”." in text_of(page)
    assert page.redirect_chain[-1][0] == changelist(Prompt, "?o=1")
    assert admin.get(address).status_code == 404


def test_a_job_is_its_owners_and_needs_the_permission_to_its_end(
    admin, client, member, owner, monkeypatch
):
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 0)
    make_prompts(150)
    data = {"action": "archive_selected", "_selected_action": ["x"], "select_across": "1"}
    address = admin.post(changelist(Prompt), data, follow=True).request["PATH_INFO"]
    client.force_login(member)
    assert client.post(address).status_code == 403
    client.force_login(owner)
    User.objects.filter(pk=owner.pk).update(is_superuser=False)
    assert client.post(address).status_code == 403
    assert Prompt.objects.filter(status="archived").count() == 100
    assert client.get(reverse("bulk", args=["x" * 32])).status_code == 404


def test_another_request_that_ended_the_job_does_nothing_twice(admin, rf, owner):
    rows = make_prompts(3)
    model_admin = django_admin.site._registry[Prompt]
    [action] = [one for one in model_admin.actions if one.name == "archive_selected"]
    job = jobs.Job(
        owner=str(owner.pk), model="prompts.Prompt", action=action.name, keys=[str(rows[0].pk)]
    )
    request = rf.post("/")
    request.user = owner
    token = job.save()
    assert jobs.advance(job, action, model_admin, request, token).changed == 1
    assert jobs.advance(job, action, model_admin, request, token).changed == 1  # not done again
    jobs.Job.forget(token)
    assert jobs.advance(job, action, model_admin, request, token) is None


def test_too_many_are_refused_by_number_before_anything_is_done(admin, monkeypatch):
    monkeypatch.setattr(jobs, "MOST_ROWS", 20)
    make_prompts(30)
    page = text_of(act(admin, Prompt, "archive_selected"))
    assert "30 rows are selected, but at most 20 can be" in page
    assert not Prompt.objects.filter(status="archived").exists()


def test_what_is_refused_is_named_and_the_rest_is_done(admin):
    rows = make_prompts(15)
    services.delete_prompts([row.pk for row in rows[:12]])
    page = text_of(act(admin, Prompt, "archive_selected", query="?state=all&o=1"))
    assert "3 changed to “Archived”." in page
    assert "12 were not changed: “Prompt 0000”: it is in the trash; restore it first" in page
    assert "“Prompt 0009”" in page
    assert "“Prompt 0010”" not in page
    assert "and 2 more" in page
    page = act(admin, Prompt, "purge_selected", query="?state=all")
    page = text_of(confirm(admin, page))
    assert "12 permanently deleted." in page
    assert "3 were not changed" in page
    assert "it is in use; delete it first" in page


def test_a_name_that_is_taken_stops_that_row_alone(admin):
    rows = make_prompts(3)
    services.delete_prompts([row.pk for row in rows])
    services.create_prompt(title="New", name="prompt-0001", content="c")
    page = text_of(act(admin, Prompt, "restore_selected", query="?state=deleted"))
    assert "2 items restored." in page
    assert "1 was not changed: “Prompt 0001”" in page
    assert "a prompt with the name “prompt-0001” already exists" in page


def test_a_check_that_fails_stops_that_prompt_alone(admin, monkeypatch):
    from prompts import extensions, interface

    monkeypatch.setattr(extensions, "_checks", {})
    interface.register_check(
        "number", lambda one: interface.Verdict(passed=one.name != "prompt-0001", reason="odd")
    )
    LabelRule.objects.update_or_create(label="production", defaults={"needs_checks": True})
    make_prompts(3)
    page = confirm(admin, act(admin, Prompt, "label_selected"), label="production")
    assert "2 updated." in text_of(page)
    assert "number: odd" in text_of(page)
    assert PromptLabel.objects.filter(name="production").count() == 2
    page = confirm(admin, act(admin, Prompt, "label_selected"), label="latest")
    assert "“latest” always points to the newest version" in text_of(page)  # before any is touched


def test_the_question_says_what_stands_on_what_goes(admin):
    first, second, *_rest = make_prompts(5)
    for prompt in (first, second):
        services.move_label(prompt_id=prompt.pk, label="alpha", number=1)
    services.move_label(prompt_id=first.pk, label="production", number=1)
    page = text_of(act(admin, Prompt, "delete_selected"))
    protected = page.index("The protected label “production” points to version 1 of “Prompt 0000”")
    assert protected < page.index("The label “alpha” points to version 1 of “Prompt 0000”")
    assert (
        "Programs that request “prompt-0000”, “prompt-0001” will get the error “there is no such"
    ) in page
    assert "They will be moved to the trash and can be restored." in page
    single = reverse("admin:prompts_prompt_delete", args=[first.pk])
    page = text_of(admin.get(single))
    assert "The protected label “production” points to version 1 of “Prompt 0000”" in page
    assert "It will be moved to the trash and can be restored." in page
    page = text_of(admin.post(single, {"post": "yes"}, follow=True))
    assert "“Prompt 0000” is in the trash. To restore" in page
    page = act(admin, Prompt, "purge_selected", query="?state=deleted")
    assert "A protected label still points to one of them (production): enter a" in text_of(page)
    page = confirm(admin, page)
    assert "This field is required." in text_of(page)
    assert Prompt.all_objects.filter(pk=first.pk).exists()
    assert "1 permanently deleted." in text_of(confirm(admin, page, reason="an order"))


def test_a_suite_that_gates_rest_on_says_so(admin):
    [prompt] = make_prompts(1)
    suite = TestSuite.objects.create(name="S")
    ReleaseGate.objects.create(prompt=prompt, suite=suite)
    page = text_of(act(admin, TestSuite, "delete_selected"))
    assert "1 release gate uses this suite (“Prompt 0000”)" in page
    page = text_of(admin.get(reverse("admin:evaluations_testsuite_delete", args=[suite.pk])))
    assert "1 release gate uses this suite (“Prompt 0000”)" in page


def test_keys_that_are_none_are_told(admin):
    make_prompts(1)
    # The last is more than any column of a database holds.
    for model, key in ((Prompt, "x"), (User, "x"), (LabelRule, "x"), (User, "9" * 30)):
        data = {"action": "delete_selected", "_selected_action": key, "index": "0"}
        page = admin.post(changelist(model), data, follow=True)
        assert "The selection contains an invalid row. Select the" in text_of(page)


@pytest.mark.parametrize(
    ("denied", "protected", "sentence"),
    [
        ({"log entry"}, [], "too, and you do not have permission to delete: log entry"),
        (set(), ["one", "two"], "2 other rows depend on them and are protected: one, two."),
    ],
)
def test_what_cannot_be_deleted_is_refused_on_the_page(
    admin, monkeypatch, denied, protected, sentence
):
    other = User.objects.create(username="other")
    resolve("/admin/")  # the admin's pages are read with its first address
    user_admin = django_admin.site._registry[User]
    answer = ([], {}, denied, protected)  # as Django gives it where other rows hang on these
    monkeypatch.setattr(user_admin, "get_deleted_objects", lambda _rows, _request: answer)
    page = text_of(act(admin, User, "delete_selected", rows=[other]))
    assert sentence in page
    assert 'name="confirmed"' not in page
    address = re.search(r'action="(/admin/bulk/[^"]+)"', page)[1]
    assert sentence in text_of(admin.post(address, {"confirmed": "yes"}))
    assert User.objects.filter(pk=other.pk).exists()
