"""The admin through the real client: queries counted, rights kept, texts exact, deletes soft."""

import html
import json
from datetime import timedelta
from decimal import Decimal

import jwt
import pytest
from django.contrib import admin as django_admin
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from autoforge import settings as product_settings
from core.token_expiry import read_token_expiry
from evaluations.models import (
    CallRecord,
    Evaluation,
    ModelProfile,
    ReleaseGate,
    Run,
    TestCase,
    TestResult,
    TestSuite,
)
from prompts import services as prompts
from prompts.models import Prompt, PromptTemplate, PromptVersion
from tests.support.evaluations import create_evaluation

pytestmark = pytest.mark.django_db

LISTS = [
    "prompts_prompt",
    "prompts_promptversion",
    "prompts_prompttemplate",
    "evaluations_testsuite",
    "evaluations_testcase",
    "evaluations_evaluation",
    "evaluations_testresult",
    "evaluations_run",
    "evaluations_modelprofile",
    "evaluations_releasegate",
    "evaluations_callrecord",
    "auth_user",
    "auth_group",
]
MOST_QUERIES = 8


def fill(count: int) -> None:
    for number in range(count):
        prompt = prompts.create_prompt(title=f"Prompt {number}", content="text", tags=["a", "日本"])
        prompts.create_template(name=f"Template {number}", content="text")
        suite = TestSuite.objects.create(name=f"Suite {number}")
        case = TestCase.objects.create(suite=suite, name="case")
        evaluation = create_evaluation(prompt_id=prompt.pk, suite_id=suite.pk)
        TestResult.objects.create(
            evaluation=evaluation, case=case, score=0.5, passed=True, cost_usd=Decimal("0.01")
        )
        run = Run.objects.create(name=f"Run {number}", suite=suite)
        Evaluation.objects.create(run=run, prompt=prompt, label="column", suite=suite)
        ModelProfile.objects.create(name=f"Model {number}", provider="echo")
        ReleaseGate.objects.create(prompt=prompt, suite=suite)
        asked_at = timezone.now()
        CallRecord.objects.create(source="trace", asked_at=asked_at, answered_at=asked_at)


@pytest.fixture
def admin(client, owner):
    client.force_login(owner)
    return client


def grant(user, *names: str) -> None:
    user.user_permissions.set(Permission.objects.filter(codename__in=names))


def url(name: str, *arguments) -> str:
    return reverse(f"admin:{name}", args=arguments)


@pytest.mark.parametrize("rows", [0, 3, 24])
def test_no_list_asks_more_than_8_times_at_any_length(
    admin, rows, monkeypatch, django_assert_max_num_queries
):
    for page in django_admin.site._registry.values():
        monkeypatch.setattr(page, "list_per_page", 20)  # 24 are more than one page
    fill(rows)
    for name in LISTS:
        for query in ("", "?q=text", "?state=all&o=1"):
            with django_assert_max_num_queries(MOST_QUERIES):
                response = admin.get(f"{url(name + '_changelist')}{query}", follow=True)
            assert response.status_code == 200


def test_pages_of_single_rows_do_not_grow(admin, django_assert_max_num_queries):
    fill(1)
    prompt = Prompt.objects.get()
    for number in range(40):
        prompts.edit_prompt(prompt_id=prompt.pk, content=f"text {number}")
    with django_assert_max_num_queries(10):
        page = admin.get(url("prompts_prompt_change", prompt.pk)).content.decode()
    assert page.count("/admin/prompts/promptversion/") == 41 + 1  # every version, the menu
    for model in (PromptVersion, PromptTemplate, TestSuite, TestCase, TestResult):
        row = model.objects.first()
        name = f"{model._meta.app_label}_{model._meta.model_name}_change"
        with django_assert_max_num_queries(10):
            assert admin.get(url(name, row.pk)).status_code == 200


def test_the_dashboard_empty_and_full(admin, django_assert_max_num_queries):
    assert "There is nothing here yet." in admin.get("/admin/").content.decode()
    fill(3)
    with django_assert_max_num_queries(12):
        page = admin.get("/admin/").content.decode()
    assert "There is nothing here yet." not in page
    assert "Prompt 2 · v1" in page
    assert "3 draft" in page
    chart = json.loads(html.unescape(page.split('data-value="')[1].split('"')[0]))
    assert len(chart["labels"]) == 30
    assert [series["data"][-1] for series in chart["datasets"]] == [3, 6]


@pytest.mark.parametrize(
    ("days", "english", "japanese"),
    [
        (30, "", ""),
        (13, "token expires on", "期限切れになります。"),
        (-1, "token expired on", "期限切れになりました。"),
    ],
)
def test_the_dashboard_sees_a_token_expire(admin, monkeypatch, days, english, japanese):
    ends = (timezone.now() + timedelta(days=days)).timestamp()
    options = {"auth_token": jwt.encode({"exp": ends}, "k" * 32)}
    monkeypatch.setattr(
        "autoforge.site.dashboard.read_token_expiry",
        lambda: read_token_expiry({"OPTIONS": options}),
    )
    for language, expected in (("en", english), ("ja", japanese)):
        page = admin.get("/admin/", headers={"accept-language": language}).content.decode()
        assert ("manage.py turso token rotate" in page) is bool(expected)
        assert expected in html.unescape(page)


def form(prompt: Prompt | None = None, **changes) -> dict[str, str]:
    values = {
        "title": prompt.title if prompt else "New",
        "content": prompt.content if prompt else "text",
        "kind": "text",
        "syntax": "plain",
        "status": "draft",
        "tags": "",
        "user_id": "",
        "metadata": "{}",
        "change_note": "",
        "expected_version": str(prompt.current_version) if prompt else "",
    }
    return values | changes


def test_a_prompt_is_made_and_edited_through_the_services(admin):
    content = "\n  {like this} 日本語\r\nsecond line  \n"
    response = admin.post(
        url("prompts_prompt_add"),
        form(title="見出し", content=content, tags="日本語、 two, two", metadata='{"a": "値"}'),
    )
    assert response.status_code == 302
    prompt = Prompt.objects.get()
    assert prompt.content == content.replace("\r\n", "\n")
    assert (prompt.tags, prompt.metadata) == (["日本語", "two"], {"a": "値"})
    assert prompt.versions.get().author == "owner"
    page = url("prompts_prompt_change", prompt.pk)
    assert admin.post(page, form(prompt, content="next", change_note="why")).status_code == 302
    newest = prompt.versions.get(number=2)
    assert (newest.content, newest.author, newest.change_note) == ("next", "owner", "why")


def test_saving_without_a_change_makes_no_version_whatever_the_line_ends(admin):
    for content in ("a\r\nb\r\n", "a\nb", "\n\n a \n"):
        prompt = prompts.create_prompt(title="t", content=content)
        sent = content.replace("\r\n", "\n").replace("\n", "\r\n")  # as browsers do
        response = admin.post(
            url("prompts_prompt_change", prompt.pk), form(prompt, content=sent, title="renamed")
        )
        assert response.status_code == 302
        prompt.refresh_from_db()
        assert (prompt.title, prompt.content, prompt.current_version) == ("renamed", content, 1)


def test_a_stale_edit_is_told_and_keeps_its_text(admin):
    prompt = prompts.create_prompt(title="t", content="one")
    stale = form(prompt, content="mine")
    prompts.edit_prompt(prompt_id=prompt.pk, content="theirs")
    response = admin.post(url("prompts_prompt_change", prompt.pk), stale)
    page = response.content.decode()
    assert response.status_code == 200
    assert "Someone else saved version 2 while you were editing version 1" in page
    assert "mine" in page
    prompt.refresh_from_db()
    assert (prompt.content, prompt.current_version) == ("theirs", 2)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"title": " "}, "This field cannot be blank."),
        ({"content": "\u3000"}, "This field cannot be blank."),
        ({"metadata": "{oops"}, "Invalid JSON: Expecting property name enclosed in double"),
        ({"metadata": "[]"}, "must be a JSON object"),
        ({"tags": "x" * 51}, "a tag must have 1 to 50 characters"),
    ],
)
def test_bad_input_is_shown_at_its_field(admin, changes, sentence):
    response = admin.post(url("prompts_prompt_add"), form(**changes))
    assert response.status_code == 200
    assert sentence in html.unescape(response.content.decode())
    assert not Prompt.all_objects.exists()


def act(client, name: str, action: str, *rows, query: str = "", **extra):
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows]} | extra
    return client.post(f"{url(name)}{query}", data, follow=True)


def test_deleting_is_soft_and_restoring_brings_back(admin):
    prompt = prompts.create_prompt(title="Gone soon", content="text")
    act(admin, "prompts_prompt_changelist", "delete_selected", prompt, post="yes")
    prompt.refresh_from_db()
    assert prompt.is_deleted
    listing = url("prompts_prompt_changelist")
    assert "Gone soon" not in admin.get(listing).content.decode()
    assert "Gone soon" in admin.get(f"{listing}?state=deleted").content.decode()
    page = url("prompts_prompt_change", prompt.pk)
    assert 'name="_save"' not in admin.get(page).content.decode()
    assert admin.post(page, form(prompt, title="x")).status_code == 403
    act(admin, "prompts_prompt_changelist", "restore_selected", prompt, query="?state=deleted")
    prompt.refresh_from_db()
    assert not prompt.is_deleted
    assert admin.post(url("prompts_prompt_delete", prompt.pk), {"post": "yes"}).status_code == 302
    prompt.refresh_from_db()
    assert prompt.is_deleted


def test_a_name_that_is_taken_is_told_on_restore(admin):
    for model, name in (
        (PromptTemplate, "prompts_prompttemplate_changelist"),
        (TestSuite, "evaluations_testsuite_changelist"),
    ):
        fields = {"content": "c"} if model is PromptTemplate else {}
        first = model.objects.create(name="Same", **fields)
        first.delete()
        second = model.objects.create(name="Same", **fields)
        page = act(admin, name, "restore_selected", first, query="?state=deleted")
        assert "with the name “Same” already exists" in html.unescape(page.content.decode())
        second.delete()
        act(admin, name, "restore_selected", first, query="?state=deleted")
        assert model.objects.get() == first


def test_archive_and_activate(admin):
    rows = [prompts.create_prompt(title=title, content="c") for title in "ab"]
    page = act(admin, "prompts_prompt_changelist", "archive_selected", *rows)
    assert "2 changed to “Archived”." in page.content.decode()
    act(admin, "prompts_prompt_changelist", "activate_selected", rows[0])
    assert sorted(Prompt.objects.values_list("status", flat=True)) == ["active", "archived"]


def test_versions_are_read_only_and_one_can_be_made_current(admin):
    prompt = prompts.create_prompt(title="t", content="one")
    prompts.edit_prompt(prompt_id=prompt.pk, content="two")
    first, second = prompt.versions.order_by("number")
    page = url("prompts_promptversion_change", first.pk)
    assert 'name="_save"' not in admin.get(page).content.decode()
    assert admin.post(page, {"content": "x"}).status_code == 403
    assert admin.get(url("prompts_promptversion_add")).status_code == 403
    assert admin.post(url("prompts_promptversion_delete", first.pk)).status_code == 403
    name = "prompts_promptversion_changelist"
    both = act(admin, name, "make_current", first, second)
    assert "Select exactly one version." in both.content.decode()
    done = act(admin, name, "make_current", first)
    assert "“t” is now at version 3." in done.content.decode()
    prompt.refresh_from_db()
    assert prompt.content == "one"
    prompts.delete_prompt(prompt_id=prompt.pk)
    assert "Restore it first" in act(admin, name, "make_current", first).content.decode()


def test_templates_suites_cases_and_evaluations_are_saved(admin):
    template = {
        "name": "T",
        "category": "",
        "content": " {{ x }} ",
        "parameters": '[{"name": "x"}]',
    }
    assert admin.post(url("prompts_prompttemplate_add"), template).status_code == 302
    row = PromptTemplate.objects.get()
    assert (row.content, [entry["name"] for entry in row.parameters]) == (" {{ x }} ", ["x"])
    changed = template | {"category": "Cat"}
    page = url("prompts_prompttemplate_change", row.pk)
    assert admin.post(page, changed).status_code == 302
    assert PromptTemplate.objects.get().category == "Cat"
    again = admin.post(url("prompts_prompttemplate_add"), template)
    assert "A template with this name already exists." in again.content.decode()
    suite = {"name": "S", "description": ""}
    assert admin.post(url("evaluations_testsuite_add"), suite).status_code == 302
    again = admin.post(url("evaluations_testsuite_add"), suite)
    assert "A test suite with this name already exists." in again.content.decode()
    case = {
        "suite": str(TestSuite.objects.get().pk),
        "name": "c",
        "variables": "",
        "expected": "line\r\n",
        "assertions": "[]",
        "weight": "1",
        "enabled": "on",
    }
    assert admin.post(url("evaluations_testcase_add"), case).status_code == 302
    assert TestCase.objects.get().expected == "line\n"
    mine = prompts.create_prompt(title="mine", content="c")
    other = prompts.create_prompt(title="other", content="c")
    evaluation = {
        "prompt": str(mine.pk),
        "version": str(other.versions.get().pk),
        "status": "pending",
        "parameters": "{}",
    }
    refused = admin.post(url("evaluations_evaluation_add"), evaluation)
    assert "This version belongs to a different prompt." in refused.content.decode()
    evaluation["version"] = str(mine.versions.get().pk)
    assert admin.post(url("evaluations_evaluation_add"), evaluation).status_code == 302


def test_a_viewer_sees_and_may_not_act(client, member):
    prompt = prompts.create_prompt(title="Seen", content="text")
    grant(member, "view_prompt")
    client.force_login(member)
    listing = client.get(url("prompts_prompt_changelist")).content.decode()
    assert "Seen" in listing
    assert "archive_selected" not in listing
    assert "delete_selected" not in listing
    assert client.post(url("prompts_prompt_change", prompt.pk), form(prompt)).status_code == 403
    assert client.get(url("prompts_prompt_add")).status_code == 403
    assert client.get(url("prompts_prompttemplate_changelist")).status_code == 403
    dashboard = client.get("/admin/").content.decode()
    assert "Recent versions" in dashboard
    assert "Test results" not in dashboard


def test_strangers_and_staff_without_rights(client, stranger, member):
    client.force_login(stranger)
    assert client.get("/admin/").status_code == 302
    client.force_login(member)
    assert client.get("/admin/").status_code == 200
    assert client.get(url("prompts_prompt_changelist")).status_code == 403


def test_markup_in_data_is_text(admin):
    evil = "<script>alert(1)</script>"
    prompt = prompts.create_prompt(
        title=evil, content=evil, tags=[evil], metadata={evil: evil}, change_note=evil, author=evil
    )
    for page in (
        "/admin/",
        url("prompts_prompt_changelist"),
        url("prompts_prompt_change", prompt.pk),
        url("prompts_promptversion_changelist"),
        url("prompts_promptversion_change", prompt.versions.get().pk),
    ):
        assert evil not in admin.get(page).content.decode()


def test_search_finds_any_language(admin):
    found = prompts.create_prompt(title="議事録の要約", content="会議を三行で")
    prompts.create_prompt(title="Other", content="text")
    for words in ("議事録", "三行", "要約 会議"):
        page = admin.get(url("prompts_prompt_changelist"), {"q": words}).content.decode()
        assert str(found.pk) in page
        assert ">Other<" not in page


@pytest.mark.parametrize(
    ("language", "text"), [("ja", "ダッシュボード"), ("en", "Dashboard"), ("fr", "Dashboard")]
)
def test_the_browsers_language_counts(admin, language, text):
    page = admin.get("/admin/", headers={"accept-language": language}).content.decode()
    assert text in page


def test_the_set_language_beats_the_browser_and_the_person_beats_both(admin, settings):
    settings.LANGUAGE_IS_SET = True
    settings.LANGUAGE_CODE = "ja"
    english = {"accept-language": "en"}
    assert "ダッシュボード" in admin.get("/admin/", headers=english).content.decode()
    admin.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    assert "Dashboard" in admin.get("/admin/", headers={"accept-language": "ja"}).content.decode()


def test_five_failed_logins_close_the_door(client, owner):
    login = reverse("admin:login")
    wrong = {"username": "owner", "password": "wrong"}
    for _ in range(4):
        assert client.post(login, wrong).status_code == 200
    locked = client.post(login, wrong)
    assert locked.status_code == 429
    assert "Too many failed logins" in locked.content.decode()
    right = client.post(login, {"username": "owner", "password": "owner-pass"})
    assert right.status_code == 429


def test_headers(client):
    page = client.get(reverse("admin:login"))
    assert "script-src 'self';" in f"{page['Content-Security-Policy']};"
    assert "unsafe-eval" not in page["Content-Security-Policy"]
    assert "default-src 'none'" in page["Content-Security-Policy"]
    live = client.get("/health/live", headers={"x-request-id": "abc-1"})
    assert "unsafe" not in live["Content-Security-Policy"]
    assert live["X-Request-ID"] == "abc-1"
    assert client.get("/health/live", headers={"x-request-id": "a b\n"})["X-Request-ID"] != "a b"
    assert "camera=()" in live["Permissions-Policy"]
    assert live["X-Frame-Options"] == "DENY"
    missing = client.get("/nope")
    assert missing.status_code == 404
    assert client.get("/favicon.ico").status_code == 302


def test_passwords_are_argon2_at_full_cost():
    """The tests' own people have a cheap hash; this is the product's."""
    hasher = import_string(product_settings.PASSWORD_HASHERS[0])()
    parameters = hasher.decode(hasher.encode("secret", hasher.salt()))
    assert (parameters["algorithm"], parameters["variety"]) == ("argon2", "argon2id")
    assert parameters["memory_cost"] >= 19 * 1024  # KiB: the least that OWASP advises
    assert parameters["time_cost"] >= 2
