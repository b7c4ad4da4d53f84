"""The login, the lists and their actions work where no script runs, and so does a conflict."""

import pytest
from playwright.sync_api import expect

from prompts import services
from prompts.models import Prompt

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.once]

ROWS = 55  # two pages of a list


@pytest.fixture
def page(contexts, live_server, owner):
    for number in range(ROWS):
        services.create_prompt(title=f"Prompt {number:02}", content="text", status="active")
    services.create_prompt(title="議事録の要約", content="三行で。")
    opened = contexts(java_script_enabled=False, locale="en").new_page()
    opened.goto(f"{live_server.url}/admin/")
    opened.fill("[name=username]", "owner")
    opened.fill("[name=password]", "owner-pass")
    opened.locator("form#login-form [type=submit]").click()
    expect(opened).to_have_title("Dashboard | AutoForge")
    return opened


def rows(page):
    return page.locator("#result_list tbody tr:has(input.action-select)")


def test_log_in_list_search_page_filter_open_and_run_an_action(page, live_server):
    page.goto(f"{live_server.url}/admin/prompts/prompt/")
    expect(rows(page)).to_have_count(50)
    page.locator("a[href*='p=2']").last.click()
    expect(rows(page)).to_have_count(6)

    page.goto(f"{live_server.url}/admin/prompts/prompt/")
    page.fill("[name=q]", "議事録")
    page.locator("[name=q]").press("Enter")
    expect(rows(page)).to_have_count(1)
    page.get_by_role("link", name="議事録の要約").first.click()
    expect(page.locator("[name=content]")).to_have_value("三行で。")

    page.goto(f"{live_server.url}/admin/prompts/prompt/")
    page.locator("a[href*='status__exact=draft']").first.click()
    expect(rows(page)).to_have_count(1)
    page.locator("input.action-select").first.check()
    page.locator("select[name=action]").first.select_option("archive_selected")
    page.locator("button[name=index]").first.click()
    expect(page.get_by_text("1 ").first).to_be_attached()
    assert Prompt.objects.get(title="議事録の要約").status == "archived"


def test_a_conflict_keeps_both_texts_and_saves_mine(page, live_server):
    made = Prompt.objects.get(title="議事録の要約")
    page.goto(f"{live_server.url}/admin/prompts/prompt/{made.pk}/change/")
    services.edit_prompt(prompt_id=made.pk, content="theirs")
    page.fill("[name=content]", "mine")
    page.locator("[name=_continue]").click()
    expect(page.locator("#wk-theirs")).to_have_value("theirs")
    expect(page.locator("[name=content]")).to_have_value("mine")
    page.get_by_role("button", name="Save mine as version 3").click()
    made.refresh_from_db()
    assert (made.content, made.current_version) == ("mine", 3)


def test_every_tab_of_a_prompt_is_read(page, live_server):
    made = Prompt.objects.get(title="議事録の要約")
    page.goto(f"{live_server.url}/admin/prompts/prompt/{made.pk}/change/")
    for panel in ("versions", "labels", "history"):
        expect(page.locator(f"[data-panel={panel}]")).to_be_visible()
