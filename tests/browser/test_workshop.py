"""The prompt workshop from the first draft to the trash and back, in a real browser."""

import json

import pytest
from playwright.sync_api import expect

from prompts import interface, services
from prompts.models import LabelRule, Prompt, PromptEvent
from tests.support.widths import at_both_widths

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def view(owner, open_browser):
    opened = open_browser()
    opened.enter(owner)
    yield opened
    assert opened.faults == []


def prompt() -> Prompt:
    return Prompt.all_objects.get()


def rendered(page):
    return page.locator("#wk-rendered")


def test_write_mend_preview_and_save(view):
    page = view.page
    view.go("/admin/prompts/prompt/add/")
    page.fill("[name=title]", "議事録の要約")
    page.fill("[name=content]", "会議「{{ 会議名 }}」を三行で要約する。")
    problem = page.locator("#wk-problems li")
    expect(problem).to_contain_text("line 1, column 4: “会議名” is not declared")
    page.click("[name=_save]")
    expect(page.locator("[name=content][aria-invalid=true]")).to_be_visible()
    expect(page.locator("#prompt_form fieldset li").first).to_contain_text("line 1, column 4")
    assert not Prompt.objects.exists()
    assert page.input_value("[name=content]") == "会議「{{ 会議名 }}」を三行で要約する。"
    page.get_by_role("button", name="Declare 会議名").click()
    expect(page.locator("#wk-problems li")).to_have_count(0)
    expect(rendered(page)).to_have_text("会議「[会議名]」を三行で要約する。")
    page.fill("[data-value=会議名]", "{{ 定例 }}")
    expect(rendered(page)).to_have_text("会議「{{ 定例 }}」を三行で要約する。")
    expect(page.locator("#wk-size")).to_contain_text("characters · about")
    page.click("[name=_save]")
    page.wait_for_url("**/admin/prompts/prompt/")
    assert [variable["name"] for variable in prompt().variables] == ["会議名"]


def test_a_misspelled_variable_is_replaced_by_its_neighbour(view):
    made = services.create_prompt(
        title="Reply",
        content="Dear {{ customer }}",
        syntax="mustache",
        variables=[{"name": "customer"}],
    )
    page = view.page
    view.go(f"/admin/prompts/prompt/{made.pk}/change/")
    page.fill("[name=content]", "Dear\n{{ custmer }}")
    expect(page.locator("#wk-problems li").first).to_contain_text("did you mean “customer”?")
    page.get_by_role("button", name="Replace with customer").click()
    expect(rendered(page)).to_have_text("Dear\n[customer]")
    assert page.input_value("[name=content]") == "Dear\n{{ customer }}"


def test_a_chat_is_edited_as_messages(view):
    page = view.page
    view.go("/admin/prompts/prompt/add/")
    page.fill("[name=title]", "Chat")
    page.fill("[name=content]", "Hello")
    page.select_option("[name=kind]", "chat")
    page.get_by_role("button", name="Add message").click()
    page.locator("#wk-chat select").nth(1).select_option("assistant")
    page.locator("#wk-chat textarea").nth(1).fill("Hi!")
    expect(rendered(page)).to_contain_text("assistantHi!")
    page.click("[name=_save]")
    page.wait_for_url("**/admin/prompts/prompt/")
    messages = interface.get_prompt("chat", label="latest").render({})
    assert [(m.role, m.content) for m in messages] == [("user", "Hello"), ("assistant", "Hi!")]


def test_a_placeholder_is_added_moved_filled_and_removed(view):
    page = view.page
    view.go("/admin/prompts/prompt/add/")
    page.fill("[name=title]", "Chat")
    page.fill("[name=content]", "Why?")
    page.select_option("[name=kind]", "chat")
    page.get_by_role("button", name="Add placeholder").click()
    page.get_by_role("button", name="Add placeholder").click()
    name = page.get_by_label("Placeholder 2")
    expect(name).to_have_value("history")
    expect(page.get_by_label("Placeholder 3")).to_have_value("history_2")
    page.get_by_role("button", name="Remove 3").click()
    name.fill("{{ turns }}")
    problem = page.locator("#wk-problems li")
    expect(problem).to_contain_text("message 2: “{{ turns }}” is not a valid placeholder name")
    name.fill("constructor")
    expect(page.locator("#wk-problems li")).to_have_count(0)
    expect(page.locator("[data-value=constructor]")).to_have_value("")
    name.fill("turns")
    page.get_by_role("button", name="Move up 2").click()
    expect(page.get_by_role("button", name="Move down 1")).to_be_focused()
    expect(page.get_by_role("button", name="Move up 1")).to_be_disabled()
    page.fill("[data-value=turns]", '[{"role": "assistant", "content": "{{ Hi }}"}]')
    expect(rendered(page)).to_have_text("assistant{{ Hi }}userWhy?")
    page.fill("[data-value=turns]", "[3]")
    expect(problem).to_contain_text("placeholder “turns”, message 1: a message must have only")
    page.click("[name=_save]")
    page.wait_for_url("**/admin/prompts/prompt/")
    stored = [{"type": "placeholder", "name": "turns"}, {"role": "user", "content": "Why?"}]
    assert json.loads(prompt().content) == stored
    view.go(f"/admin/prompts/prompt/{prompt().pk}/change/")
    page.get_by_role("button", name="Remove 1").click()
    expect(page.locator("[data-placeholder]")).to_have_count(0)
    page.select_option("[name=kind]", "text")
    assert page.input_value("[name=content]") == "Why?"


def test_images_and_files_are_parts_of_a_message(view, tmp_path):
    page = view.page
    view.go("/admin/prompts/prompt/add/")
    page.fill("[name=title]", "Look")
    page.fill("[name=content]", "What is this?")
    page.select_option("[name=kind]", "chat")
    page.get_by_role("button", name="Add image 1").click()
    address = page.get_by_label("Image address 1.2")
    expect(address).to_be_focused()
    address.fill("example.com/a.png")
    problem = page.locator("#wk-problems li")
    expect(problem).to_contain_text("message 1, part 2: the address of an image or a file must")
    address.fill("https://example.com/a.png")
    expect(rendered(page)).to_have_text("userWhat is this? [image https://example.com/a.png]")
    page.get_by_role("button", name="Add file 1").click()
    report = tmp_path / "report.pdf"
    report.write_bytes(b"%PDF-1.7")
    page.get_by_label("Choose a file 1.3").set_input_files(report)
    expect(page.get_by_label("File name 1.3")).to_have_value("report.pdf")
    expect(rendered(page)).to_contain_text("[file report.pdf data:application/pdf, ")
    page.get_by_role("button", name="Remove 1.2").click()
    page.click("[name=_save]")
    page.wait_for_url("**/admin/prompts/prompt/")
    data = "data:application/pdf;base64,JVBERi0xLjc="
    [message] = json.loads(prompt().content)
    assert message["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "file", "name": "report.pdf", "url": data},
    ]
    view.go(f"/admin/prompts/prompt/{prompt().pk}/change/")
    page.get_by_role("button", name="Remove 1.2").click()
    expect(page.get_by_label("text 1", exact=True)).to_have_value("What is this?")
    page.select_option("[name=kind]", "text")
    assert page.input_value("[name=content]") == "What is this?"


def test_a_chat_that_cannot_be_shown_as_messages_is_edited_as_json(view):
    page = view.page
    view.go("/admin/prompts/prompt/add/")
    page.select_option("[name=kind]", "chat")
    content = '[{"role": "user", "content": "Hi"}, {"role": "user", "content": 3}]'
    page.evaluate("text => (document.querySelector('[name=content]').value = text)", content)
    page.dispatch_event("[name=content]", "input")
    expect(page.locator("#wk-problems li")).to_contain_text("message 2: a message must have only")
    expect(page.locator("[name=content]")).to_be_visible()
    page.fill("[name=content]", content.replace("3", '"you"'))
    page.locator("[name=title]").focus()
    expect(page.get_by_label("text 2", exact=True)).to_have_value("you")


def test_compare_release_override_and_roll_back(view):
    made = services.create_prompt(title="返信", content="丁寧に答える。\nOne line.")
    services.edit_prompt(prompt_id=made.pk, content="簡潔に答える。\nOne line.")
    LabelRule.objects.update_or_create(label="production", defaults={"needs_checks": True})
    services.move_label(
        prompt_id=made.pk, label="production", number=1, override=True, reason="first"
    )
    page = view.page
    view.go(f"/admin/prompts/prompt/{made.pk}/change/")
    page.get_by_role("button", name="Compare versions").click()
    expect(page.locator("del").first).to_have_text("丁寧")
    expect(page.locator("ins").first).to_have_text("簡潔")
    page.select_option("[name=view]", "inline")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".wk-inline ins").first).to_have_text("簡潔")

    view.go(f"/admin/prompts/prompt/{made.pk}/change/#labels")
    form = page.locator("form[action$='/move-label/']")
    form.locator("[name=label]").fill("production")
    form.locator("[name=number]").select_option("2")
    form.get_by_role("button", name="Move label").click()
    expect(page.get_by_text("this content has not been evaluated yet").first).to_be_visible()
    assert interface.get_prompt("返信").number == 1
    form.locator("[name=override]").check()
    form.get_by_role("button", name="Move label").click()
    expect(page.get_by_text("an override requires a written reason").first).to_be_visible()
    form.locator("[name=override]").check()
    form.locator("[name=reason]").fill("急ぎ")
    form.get_by_role("button", name="Move label").click()
    expect(page.get_by_text("Label “production” now points to version 2.").first).to_be_visible()
    assert interface.get_prompt("返信").number == 2
    assert PromptEvent.objects.first().reason == "急ぎ"

    LabelRule.objects.filter(label="production").update(needs_checks=False)
    page.get_by_role("link", name="Roll back").click()
    expect(page.get_by_text("moves from version 2 back to version 1")).to_be_visible()
    page.locator("[name=reason]").fill("悪化した")
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("Label “production” now points to version 1.").first).to_be_visible()
    page.get_by_role("tab", name="History").click()
    expect(page.locator(".wk-timeline")).to_contain_text("despite failed checks")
    expect(page.locator(".wk-timeline")).to_contain_text("v2 → v1")


def test_archive_find_and_restore(view):
    made = services.create_prompt(title="議事録の要約", content="三行で。", status="active")
    services.create_prompt(title="Support reply", content="Answer.")
    page = view.page
    view.go(f"/admin/prompts/prompt/{made.pk}/change/")
    page.get_by_role("button", name="Archive", exact=True).click()
    expect(page.get_by_text("The status is now “Archived”.").first).to_be_visible()
    view.go("/admin/prompts/prompt/?q=行")
    expect(page.locator("#result_list mark").first).to_have_text("行")
    expect(page.get_by_text("Support reply")).to_have_count(0)
    page.get_by_role("link", name="議事録の要約").first.click()
    page.get_by_role("button", name="Unarchive").click()
    expect(page.get_by_text("The status is now “Active”.").first).to_be_visible()
    made.refresh_from_db()
    assert made.status == "active"
    services.delete_prompt(prompt_id=made.pk)
    view.go("/admin/prompts/prompt/?state=deleted&q=議事録")
    page.get_by_role("link", name="議事録の要約").first.click()
    page.get_by_role("button", name="Restore from trash").click()
    expect(page.get_by_text("has been restored").first).to_be_visible()
    made.refresh_from_db()
    assert not made.is_deleted


def test_a_template_becomes_a_prompt(view):
    services.create_template(
        name="Tone",
        content="Be {{ mood }} with {{ who }}.",
        parameters=[{"name": "mood"}, {"name": "who"}],
    )
    page = view.page
    view.go("/admin/prompts/prompttemplate/gallery/")
    page.get_by_role("link", name="Tone").click()
    page.fill("[name=title]", "Calm tone")
    page.fill("[name=value_mood]", "calm")
    page.get_by_role("button", name="Create prompt").click()
    expect(page.get_by_text("Prompt created.").first).to_be_visible()
    assert prompt().content == "Be calm with {{ who }}."
    assert interface.render("calm-tone", {"who": "us"}, label="latest").text == "Be calm with us."


def test_import_and_export(view, tmp_path):
    page = view.page
    source = tmp_path / "prompts.csv"
    source.write_text('act,prompt\n議事録,"三行で {x}"\n,bad\n', encoding="utf-8")
    view.go("/admin/prompts/prompt/import/")
    page.set_input_files("[name=file]", source)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("line 3, column act").first).to_be_visible()
    assert not Prompt.objects.exists()
    page.set_input_files("[name=file]", source)
    page.locator("[name=partial]").check(force=True)
    page.locator("[name=dry_run]").uncheck(force=True)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    assert prompt().content == "三行で {x}"
    view.go("/admin/prompts/prompt/")
    page.locator("input.action-select").first.check()
    page.locator("select[name=action]").first.select_option("export_selected")
    page.locator("button[name=index]").first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert "三行で {x}" in download.value.path().read_text(encoding="utf-8")


def test_labels_of_many(view):
    for title in ("One", "Two"):
        services.create_prompt(title=title, content=title)
    page = view.page
    view.go("/admin/prompts/prompt/")
    for box in page.locator("input.action-select").all():
        box.check()
    page.locator("select[name=action]").first.select_option("label_selected")
    page.locator("button[name=index]").first.click()
    page.fill("[name=label]", "staging")
    page.get_by_role("button", name="Move a label").click()
    expect(page.locator("[data-label=staging]")).to_have_count(2)
    assert interface.get_prompt("one", label="staging").number == 1


PAGES = ["", "add/", "{key}/change/", "{key}/diff/", "import/", "?q=要約"]


@pytest.mark.once
@at_both_widths
def test_pages_fit(owner, open_browser, scheme, locale, opened, then):
    """A page is opened at one width and then moved to the other; it fits both."""
    made = services.create_prompt(
        title="議事録の要約" * 10, content="要約" * 500, tags=[f"tag{n}" for n in range(12)]
    )
    services.edit_prompt(prompt_id=made.pk, content="x" * 300)
    services.move_label(prompt_id=made.pk, label="production", number=1, reason="長い理由" * 40)
    view = open_browser(*opened, scheme, locale)
    view.enter(owner)
    pages = [f"/admin/prompts/prompt/{page.format(key=made.pk)}" for page in PAGES]
    for path in [*pages, "/admin/prompts/prompttemplate/gallery/"]:
        view.resize(*opened)
        view.go(path)
        assert view.excess_px() <= 0, (path, opened)
        view.resize(*then)
        assert view.excess_px() <= 0, (path, then)
    assert view.faults == []
