"""Runs in a real browser: started, watched live, read, rated, compared, stopped, exported."""

import csv
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree as ET

import pytest
from django.db import connections
from playwright.sync_api import expect

from autoforge.background import wait_until_idle
from evaluations.engine.providers import ProviderSpec
from evaluations.engine.types import Assertion, Case
from evaluations.models import ModelProfile, Rating, Run, RunCase, TestResult
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import execute_run
from evaluations.services.suites import create_case, create_suite
from prompts.services import create_prompt, edit_prompt
from tests.support.fake_models import FakeModels, Step

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CASES = 6
EVIL = "\"'><script>alert(1)</script>\u202e逆\u202c 日本語😀"


@pytest.fixture
def models():
    """Return a slow model; what is asked politely is answered politely."""
    fake = FakeModels(answer=lambda body: body["messages"][-1]["content"], delay_seconds=0.25)
    yield fake
    wait_until_idle(30)
    fake.close()


@pytest.fixture
def profile(models):
    return ModelProfile.objects.create(
        name="Slow", provider="openai-compatible", model="m", base_url=f"{models.url}/v1",
        concurrency=1, input_usd_per_million=1000, output_usd_per_million=1000,
    )  # fmt: skip


@pytest.fixture
def suite():
    made = create_suite(name="Questions")
    for number in range(CASES):
        checks = [{"type": "contains", "value": "please"}]
        create_case(
            suite_id=made.pk, name=f"case {number}", variables={"x": f"q{number}"},
            assertions=checks,
        )  # fmt: skip
    return made


@pytest.fixture
def prompt():
    made = create_prompt(
        title="Asking", content="{{ x }}", syntax="mustache", variables=[{"name": "x"}]
    )
    edit_prompt(prompt_id=made.pk, content="please {{ x }}")
    return made


@pytest.fixture
def view(owner, open_browser):
    opened = open_browser(1280)
    opened.enter(owner)
    yield opened
    assert opened.faults == []


def finished(count=4, texts=("{{x}}", "please {{x}}"), name="R", **fields):
    """Return a run that has ended, by the echo provider."""
    cases = [
        (
            None,
            Case(
                name=fields.get("case", f"case {number}"),
                variables={"x": fields.get("value", f"q{number}")},
                assertions=(Assertion(type="contains", value="please"),),
            ),
        )
        for number in range(count)
    ]
    spec = ProviderSpec(kind="echo", label=fields.get("label", ""))
    columns = [PlannedColumn(spec=spec, text=text) for text in texts]
    run = create_run(Plan(columns=columns, name=name), cases)

    def work():
        try:
            return execute_run(run.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:  # playwright has an event loop in this thread
        return pool.submit(work).result()


def page_of(run, rest="change/"):
    return f"/admin/evaluations/run/{run.pk}/{rest}"


def number(locator) -> int:
    """Return the first whole number of a figure, 0 for a dash."""
    found = locator.inner_text().split("/")[0].strip()
    return int(found) if found.isdigit() else 0


def test_a_run_is_started_from_a_suite_and_watched_without_reloading(
    view, models, profile, suite, prompt
):
    page = view.page
    models.delay_seconds = 0.5
    models.script = [Step(), Step(status=400, body={"error": {"message": "no"}})]
    view.go(f"/admin/evaluations/testsuite/{suite.pk}/change/")
    page.get_by_role("link", name="Start run").click()
    page.get_by_role("searchbox", name="Prompt").fill(prompt.name)
    page.get_by_role("button", name="Choose versions").click()
    page.get_by_label("v2").check()
    page.get_by_label("v1").check()
    page.get_by_label("Slow").check()
    page.get_by_role("button", name="Estimate").click()
    estimate = page.locator("#ev-estimate")
    expect(estimate).to_contain_text("Calls 12")
    expect(estimate).to_contain_text("Smallest detectable difference")
    assert not Run.objects.exists()
    page.get_by_role("button", name="Start", exact=True).click()

    live = page.locator("#ev-live")
    expect(live.locator("[data-ev=status]")).to_have_text("Running")
    page.evaluate("window.neverLeft = true")
    expect(live.locator("[data-ev=errors]")).to_have_text("1")
    expect(live.locator("[data-ev=rate]")).to_contain_text("answers/s")
    expect(live.locator("[data-ev=left]")).to_contain_text(" s")
    first = number(live.locator("[data-ev=done]"))
    cost = live.locator("[data-ev=cost]").inner_text()
    expect(live.locator("[data-ev=cost]")).not_to_have_text(cost)
    assert number(live.locator("[data-ev=done]")) > first
    expect(page.locator("tr[data-column] [data-ev=cost]").first).to_contain_text("$")
    expect(page.locator(".ev-grid td.ev-pass").first).to_contain_text("please q")
    assert page.evaluate("window.neverLeft")
    assert page.locator("#ev-live progress").evaluate("bar => bar.position") > 0

    expect(page.locator(".ev-verdict")).to_contain_text("Asking v2", ignore_case=True)
    expect(live).to_have_count(0)
    expect(page.locator("figure.ev-plot")).to_have_count(2)
    expect(page.locator(".ev-plot").first).to_contain_text("Latency in ms")
    expect(page.locator("td.ev-error").first).to_be_visible()

    page.get_by_role("button", name="Retry errors").click()
    expect(page.get_by_text("Retrying 1 failed case.").first).to_be_visible()
    expect(page.locator("[data-ev=status]")).to_have_text("Completed")
    expect(page.locator(".ev-grid td.ev-error")).to_have_count(0)


def test_a_run_is_started_from_a_prompt_whose_tab_shows_the_trend(view, suite, prompt):
    page = view.page
    view.go(f"/admin/prompts/prompt/{prompt.pk}/change/#evaluations")
    page.get_by_role("link", name="Start run").click()
    expect(page.get_by_label("v1")).to_be_checked()
    page.get_by_label("Models", exact=True).fill("echo")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("[data-ev=status]")).to_have_text("Completed")
    expect(page.locator(".ev-verdict")).to_contain_text("is better than")
    view.go(f"/admin/prompts/prompt/{prompt.pk}/change/#evaluations")
    trend = page.locator(".wk-trend")
    expect(trend).to_contain_text("Questions · echo: 100.0%")
    expect(trend.locator("circle")).to_have_count(2)
    expect(trend.locator("svg")).to_contain_text("v2")


def test_a_run_is_cancelled_stopped_by_its_limit_and_goes_on(view, models, profile, suite, prompt):
    models.delay_seconds = 1.0  # a worker looks every other second whether it is to stop
    page = view.page
    view.go(f"/admin/evaluations/run/add/?prompt={prompt.pk}&suite={suite.pk}")
    page.get_by_label("Slow").check()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#ev-live [data-ev=done]")).to_have_text(re.compile(r"[1-4] / 12"))
    page.get_by_role("button", name="Cancel run").click()
    status = page.locator("[data-ev=status]")
    expect(status).to_have_text("Cancelled")
    models.delay_seconds = 0.05
    done = TestResult.objects.count()
    assert 0 < done < 2 * CASES

    page.get_by_label("Call limit").fill(str(done + 1))
    page.get_by_role("button", name="Resume").click()
    expect(status).to_have_text("Stopped at limit")
    assert TestResult.objects.count() == done + 1
    page.get_by_label("Call limit").fill("")
    page.get_by_role("button", name="Resume").click()
    expect(status).to_have_text("Completed")
    assert TestResult.objects.count() == 2 * CASES


def test_answers_are_filtered_opened_and_rated(view):
    run = finished()
    TestResult.objects.filter(run_case__name="case 1", passed=False).update(
        passed=None, score=None, error="it broke"
    )
    page = view.page
    view.go(page_of(run))
    rows = page.locator(".ev-grid tbody th")
    for name, count in (("Failed", 3), ("Errors", 1), ("Differing between columns", 3)):
        page.get_by_role("link", name=name, exact=True).click()
        expect(rows).to_have_count(count)
        assert "#answers" in page.url
    page.get_by_role("link", name="All cases").click()
    for text, count in (("case 3", 1), ("please q2", 1), ("nothing like it", 1)):
        page.get_by_role("searchbox").fill(text)
        page.get_by_role("button", name="Search").click()
        expect(page.locator(".ev-grid tbody tr")).to_have_count(count)
    expect(page.get_by_text("No matching cases.")).to_be_visible()

    view.go(page_of(run))
    page.get_by_role("link", name="case 0", exact=True).click()
    answers = page.locator("article")
    expect(answers.nth(0)).to_contain_text("the answer does not contain “please”")
    expect(answers.nth(1)).to_contain_text("please q0")
    answers.nth(1).get_by_text("Compared with the first answer").click()
    expect(answers.nth(1).locator("ins").first).to_have_text("please ")
    answers.nth(1).get_by_label("Your rating").fill("よい")
    answers.nth(1).get_by_role("button", name="Good", exact=True).click()
    pressed = answers.nth(1).get_by_role("button", name="Good", exact=True)
    expect(pressed).to_have_attribute("aria-pressed", "true")
    answers.nth(0).get_by_role("button", name="Good", exact=True).click()
    expect(answers.nth(0).get_by_text("Good owner")).to_be_visible()
    assert Rating.objects.filter(passed=True).count() == 2
    page.get_by_role("link", name="Next case").click()
    expect(page.locator(".ev-title")).to_have_text("case 1")
    page.get_by_role("link", name="← R").click()
    expect(page.locator("#ev-agreement")).to_contain_text(
        "by people; ratings and scores agree on 50%"
    )


def test_what_changed_and_the_exports(view):
    run = finished()
    page = view.page
    view.go(page_of(run))
    page.get_by_role("link", name="Changes").click()
    expect(page.locator(".ev-subtitle")).to_contain_text("fixed 4")
    expect(page.locator(".ev-flip")).to_have_count(4)
    expect(page.locator(".ev-flip ins").first).to_have_text("please ")
    page.locator("[name=old]").select_option(index=1)
    page.locator("[name=new]").select_option(index=0)
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".ev-subtitle")).to_contain_text("broken 4")
    view.go(page_of(run))
    found = {}
    for name in ("JSON", "CSV", "HTML", "Markdown", "JUnit", "promptfoo"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name, exact=True).click()
        found[name] = download.value.path().read_text(encoding="utf-8")
    assert len(json.loads(found["JSON"])["results"]) == 8
    assert len(list(csv.DictReader(io.StringIO(found["CSV"])))) == 8
    assert len(list(ET.fromstring(found["JUnit"]).iter("testcase"))) == 8
    assert json.loads(found["promptfoo"])["results"]["stats"]["successes"] == 4
    assert found["HTML"].lstrip().startswith("<!DOCTYPE html>")
    assert "| please {{x}}" in found["Markdown"]


HEADINGS = {
    "change/": [
        "完了",
        "合格率、95% 信頼区間",
        "スコアの分布",
        "応答時間",
        "費用",
        "エクスポート",
        "回答",
    ],
    "case/{case}/": ["ケース", "アサーション", "理由", "あなたの評価"],
    "compare/": ["変化したケース", "改善"],
}
ENGLISH = re.compile(r"^\s*(Passed|Failed|Errors|Score|Latency|Export|Search|What|Reason|Nobody)\b")


DESK, PHONE = (1280, 900), (390, 844)


@pytest.mark.once
@pytest.mark.parametrize(
    ("scheme", "locale", "opened", "then"),
    [("light", "en", DESK, DESK), ("dark", "ja", PHONE, DESK)],
    ids=["desk", "phone-and-desk-ja"],
)
def test_pages_fit_whatever_they_show(owner, open_browser, scheme, locale, opened, then):
    """A page is opened at one width and then moved to the other; it fits both."""
    run = finished(
        2, texts=("{{x}}", "please {{x}}"), name=f"{EVIL}{'R' * 200}", label=f"{EVIL}{'L' * 100}",
        case=f"{EVIL}{'N' * 150}", value=f"{EVIL} {'W' * 10_000}",
    )  # fmt: skip
    case = RunCase.objects.filter(run=run).first().pk
    view = open_browser(*opened, scheme, locale)
    view.enter(owner)
    page = view.page
    page.on("dialog", lambda dialog: view.faults.append(f"a dialog: {dialog.message}"))

    def fits(path):
        """Open a page, and leave it as it is in the second window."""
        view.resize(*opened)
        view.go(path)
        assert view.excess_px() <= 0, (path, opened)
        view.resize(*then)
        assert view.excess_px() <= 0, (path, then)

    for rest, headings in HEADINGS.items():
        fits(page_of(run, rest.format(case=case)))
        text = page.locator("main, #main, body").first.inner_text()
        assert "<script>alert(1)</script>" in text
        if locale == "ja":
            assert [word for word in headings if word not in text] == []
            found = page.get_by_text(ENGLISH)
            assert found.all_inner_texts() == []
    for path in ("run/", "run/add/", "testsuite/", "testsuite/import/", "modelprofile/add/"):
        fits(f"/admin/evaluations/{path}")
    assert view.faults == []
