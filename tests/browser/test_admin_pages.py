"""The admin as people use it, in a real browser."""

import pytest
from playwright.sync_api import expect

from prompts import services
from prompts.models import Prompt
from tests.support.widths import at_both_widths

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = [
    "/admin/",
    "/admin/prompts/prompt/",
    "/admin/prompts/prompt/add/",
    "/admin/prompts/promptversion/",
    "/admin/prompts/prompttemplate/",
    "/admin/evaluations/evaluation/",
    "/admin/evaluations/testcase/",
]


@pytest.fixture
def content(owner):
    services.create_prompt(
        title="議事録の要約", content="会議を三行で。{{ 議事録 }}", tags=["日本語"]
    )
    return services.create_prompt(title="Support reply", content="Answer {{ question }}.")


@pytest.mark.once
@at_both_widths
def test_pages_fit_and_ask_nobody_else(content, owner, open_browser, scheme, locale, opened, then):
    """A page is opened at one width and then moved to the other; it fits both."""
    view = open_browser(*opened, scheme, locale)
    view.enter(owner)
    title = "ダッシュボード" if locale == "ja" else "Dashboard"
    for path in PAGES:
        view.resize(*opened)
        view.go(path)
        if path == "/admin/":
            expect(view.page).to_have_title(f"{title} | AutoForge")
        assert view.excess_px() <= 0, (path, opened)
        view.resize(*then)
        assert view.excess_px() <= 0, (path, then)
        assert view.page.evaluate("document.documentElement.classList.contains('dark')") == (
            scheme == "dark"
        )
    assert view.faults == []


def test_write_edit_and_find_a_prompt(content, owner, open_browser):
    view = open_browser()
    page = view.page
    view.enter(owner)
    view.go("/admin/prompts/prompt/add/")
    page.fill("[name=title]", "商品説明")
    page.fill("[name=content]", "  {{ 商品 }} を紹介する。\n")
    page.get_by_role("button", name="Declare used variables").click()
    page.fill("[name=tags]", "日本語、販売")
    page.click("[name=_continue]")
    prompt = Prompt.objects.get(title="商品説明")
    assert (prompt.content, prompt.tags) == ("  {{ 商品 }} を紹介する。\n", ["日本語", "販売"])
    page.fill("[name=content]", "{{ 商品 }}を短く紹介する。")
    page.fill("[name=change_note]", "短く")
    page.click("[name=_save]")
    prompt.refresh_from_db()
    assert (prompt.content, prompt.current_version) == ("{{ 商品 }}を短く紹介する。", 2)
    view.go("/admin/prompts/prompt/?q=議事録")
    expect(page.get_by_role("link", name="議事録の要約").first).to_be_visible()
    expect(page.get_by_role("link", name="Support reply")).to_have_count(0)
    assert view.faults == []


def test_delete_and_restore(content, owner, open_browser):
    view = open_browser()
    view.enter(owner)
    view.go(f"/admin/prompts/prompt/{content.pk}/delete/")
    view.page.locator("form [type=submit]").last.click()
    view.page.wait_for_url("**/admin/prompts/prompt/**")
    content.refresh_from_db()
    assert content.is_deleted
    view.go("/admin/prompts/prompt/?state=deleted")
    view.page.locator("input.action-select").first.check()
    view.page.locator("select[name=action]").first.select_option("restore_selected")
    view.page.locator("button[name=index]").first.click()
    expect(view.page.get_by_text("1 item restored.").first).to_be_visible()
    content.refresh_from_db()
    assert not content.is_deleted


def test_a_stale_edit_in_two_windows(content, owner, open_browser):
    first, second = open_browser(), open_browser()
    path = f"/admin/prompts/prompt/{content.pk}/change/"
    for view in (first, second):
        view.enter(owner)
        view.go(path)
    first.page.fill("[name=content]", "theirs")
    first.page.click("[name=_save]")
    second.page.fill("[name=content]", "mine")
    second.page.click("[name=_save]")
    expect(second.page.get_by_text("Someone else saved version 2").first).to_be_visible()
    assert second.page.input_value("[name=content]") == "mine"
    content.refresh_from_db()
    assert (content.content, content.current_version) == ("theirs", 2)


@pytest.mark.once
def test_wrong_logins_end_at_a_clear_page(owner, open_browser):
    view = open_browser(locale="ja")
    for _ in range(5):
        view.login("owner", "wrong")
    expect(view.page.get_by_role("heading", name="ログインの失敗が多すぎます")).to_be_visible()
