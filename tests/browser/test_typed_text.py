"""What somebody types is never lost: keys, ended sessions, conflicts, other kinds of text."""

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from prompts import services
from prompts.models import Prompt

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def made(owner):
    return services.create_prompt(title="返信", content="一行目\n二行目\n三行目", syntax="mustache")


@pytest.fixture
def view(made, owner, open_browser):
    opened = open_browser()
    opened.enter(owner)
    opened.go(f"/admin/prompts/prompt/{made.pk}/change/")
    yield opened
    assert opened.faults == []


def stored(made) -> tuple[str, int]:
    made.refresh_from_db()
    return made.content, made.current_version


def notice(page):
    return page.locator("#keep-typed")


def test_a_key_saves_what_is_in_every_field(view, made):
    page = view.page
    page.fill("[name=content]", "{{ 名前 }}へ")
    page.get_by_role("button", name="Declare used variables").click()
    page.get_by_label("名前 Default").fill("花子")  # it is told when the field is left
    page.keyboard.press("Control+s")
    expect(page.get_by_text("was changed successfully").first).to_be_visible()
    made.refresh_from_db()
    assert made.variables[0]["default"] == "花子"
    page.fill("[name=change_note]", "大文字")
    page.keyboard.press("Meta+S")  # Caps Lock is on
    expect(page.locator("[name=change_note]")).to_have_value("")
    assert (
        page.evaluate(
            "Object.keys(localStorage).filter((key) => key.startsWith('autoforge-draft'))"
        )
        == []
    )


def test_an_ended_session_keeps_the_text_and_logs_in_beside_it(view, made):
    page = view.page
    page.fill("[name=content]", "書きかけ")
    expect(page.locator("#wk-rendered")).to_have_text("書きかけ")
    Session.objects.all().delete()
    page.fill("[name=content]", "書きかけの本文")  # the preview notices
    expect(notice(page)).to_contain_text("Your session has expired")
    page.keyboard.press("Control+s")
    assert page.input_value("[name=content]") == "書きかけの本文"
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Log in in a new tab").click()
    beside = opened.value
    beside.fill("[name=username]", "owner")
    beside.fill("[name=password]", "owner-pass")
    beside.click("button[type=submit]")
    expect(beside).to_have_title("Dashboard | AutoForge")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("was changed successfully").first).to_be_visible()
    assert stored(made) == ("書きかけの本文", 2)


def test_what_was_sent_after_the_end_of_a_session_comes_back_after_the_login(view, made):
    page = view.page
    page.fill("[name=change_note]", "なぜか")  # no preview: the save itself meets the login
    Session.objects.all().delete()
    page.click("[name=_continue]")
    page.fill("[name=username]", "owner")
    page.fill("[name=password]", "owner-pass")
    page.click("button[type=submit]")
    expect(notice(page)).to_contain_text("Your input has been restored")
    assert page.input_value("[name=change_note]") == "なぜか"


def test_a_draft_is_offered_until_it_is_taken_or_dropped(view, made, open_browser):
    page = view.page
    path = f"/admin/prompts/prompt/{made.pk}/change/"
    page.on("dialog", lambda dialog: dialog.accept())
    page.fill("[name=content]", "下書き")
    view.go("/admin/prompts/prompt/")
    for _visit in range(2):
        view.go(path)
        expect(notice(page)).to_contain_text("was not saved")
        assert page.input_value("[name=content]") == "一行目\n二行目\n三行目"
    page.get_by_role("button", name="Restore it").click()
    assert page.input_value("[name=content]") == "下書き"
    expect(page.locator("#wk-rendered")).to_have_text("下書き")
    page.get_by_role("button", name="Discard it").click()
    assert page.input_value("[name=content]") == "一行目\n二行目\n三行目"
    view.go(path)
    expect(notice(page)).to_be_hidden()


def test_a_draft_is_of_one_person(view, made, django_user_model):
    django_user_model.objects.create_superuser("other", password="other-pass")
    page = view.page
    page.on("dialog", lambda dialog: dialog.accept())
    page.fill("[name=content]", "秘密の下書き")
    page.context.clear_cookies()
    view.login("other", "other-pass")
    view.go(f"/admin/prompts/prompt/{made.pk}/change/")
    expect(notice(page)).to_be_hidden()


def test_a_conflict_shows_both_and_is_merged(view, made):
    page = view.page
    services.edit_prompt(prompt_id=made.pk, content="一行目を変えた\n二行目\n三行目", author="花子")
    page.fill("[name=content]", "一行目\n二行目\n三行目を変えた")
    page.click("[name=_continue]")
    conflict = page.locator("#wk-conflict")
    expect(conflict).to_contain_text("Version 2 by 花子 and your text")
    expect(page.locator("#wk-theirs")).to_have_value("一行目を変えた\n二行目\n三行目")
    assert page.input_value("[name=content]") == "一行目\n二行目\n三行目を変えた"
    page.get_by_role("button", name="Use the merged text").click()
    page.get_by_role("button", name="Save mine as version 3").click()
    expect(page.get_by_text("was changed successfully").first).to_be_visible()
    assert stored(made) == ("一行目を変えた\n二行目\n三行目を変えた", 3)


def test_theirs_is_taken(view, made):
    page = view.page
    services.edit_prompt(prompt_id=made.pk, content="theirs")
    page.fill("[name=content]", "mine")
    page.click("[name=_continue]")
    page.get_by_role("link", name="Use theirs, discard mine").click()
    expect(page.locator("[name=content]")).to_have_value("theirs")
    expect(notice(page)).to_be_hidden()
    assert stored(made) == ("theirs", 2)


def test_text_to_chat_and_back(view, made):
    page = view.page
    text = '{{ 名前 }}へ\n\n"引用" と \\ を含む'
    page.fill("[name=content]", text)
    page.select_option("[name=kind]", "chat")
    expect(page.locator("#wk-chat textarea")).to_have_value(text)
    page.select_option("[name=kind]", "text")
    assert page.input_value("[name=content]") == text
    page.select_option("[name=kind]", "chat")
    page.get_by_role("button", name="Add message").click()
    page.locator("#wk-chat textarea").nth(1).fill("はい")
    page.select_option("[name=kind]", "text")
    assert page.input_value("[name=content]") == f"user: {text}\n\nuser: はい"
    page.select_option("[name=kind]", "chat")
    expect(page.locator("#wk-chat textarea").nth(1)).to_have_value("はい")
    page.locator("#wk-chat button", has_text="Remove").nth(1).click()
    page.select_option("[name=kind]", "text")
    assert page.input_value("[name=content]") == text


def test_every_form_keeps_a_draft(view):
    page = view.page
    page.on("dialog", lambda dialog: dialog.accept())
    view.go("/admin/evaluations/testsuite/add/")
    page.fill("[name=name]", "下書きのスイート")
    view.go("/admin/evaluations/testsuite/")
    view.go("/admin/evaluations/testsuite/add/")
    page.get_by_role("button", name="Restore it").click()
    assert page.input_value("[name=name]") == "下書きのスイート"
    page.keyboard.press("Control+s")
    expect(page.get_by_text("was added successfully").first).to_be_visible()
    view.go("/admin/evaluations/testsuite/add/")
    expect(notice(page)).to_be_hidden()
    assert not Prompt.objects.filter(title="").exists()
