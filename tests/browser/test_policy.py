"""The admin under a policy without unsafe scripts: the theme moves, and nothing else runs.

That every page works under it is seen where axe opens them all: test_accessibility.py.
"""

import pytest
from playwright.sync_api import expect

from prompts import services

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.once]


def test_what_the_theme_moves(owner, open_browser):
    services.create_prompt(title="Support reply", content="Answer {{ question }}.")
    view = open_browser()
    page = view.page
    view.go("/admin/login/")
    page.fill("[name=username]", "owner")
    page.fill("[name=password]", "owner-pass")
    page.click("button[type=submit]")

    menu = page.locator("[x-show='openUserLinks']")
    opens_menu = page.locator("[x-on\\:click='openUserLinks = !openUserLinks']")
    expect(menu).to_be_hidden()
    opens_menu.click()
    expect(menu).to_be_visible()
    page.locator("[x-on\\:click=\"switchTheme('dark')\"]").click()
    expect(page.locator("html")).to_have_class("dark")
    page.mouse.click(700, 850)
    expect(menu).to_be_hidden()
    page.reload()
    expect(page.locator("html")).to_have_class("dark")  # it was kept

    page.locator("[x-on\\:click^='sidebarDesktopOpen']").click()
    assert page.evaluate("localStorage.getItem('sidebarDesktopOpen')") == "0"

    view.go("/admin/prompts/prompt/")
    search = page.locator("[x-ref=searchInputCommand]")
    page.keyboard.press("Control+k")
    expect(search).to_be_focused()
    page.keyboard.press("Escape")
    expect(search).to_be_hidden()
    filters = page.locator("[x-show='filterOpen']")
    page.locator("[x-on\\:click='filterOpen = true']").first.click()
    expect(filters).to_be_visible()
    page.keyboard.press("Escape")
    expect(filters).to_be_hidden()
    page.locator("[name=_selected_action]").first.check()
    expect(page.locator("[name=action]")).to_be_visible()
    assert view.faults == []


def test_nothing_else_runs(owner, open_browser):
    view = open_browser()
    view.enter(owner)
    view.go("/admin/")
    page = view.page
    injected = """() => {
        window.ran = [];
        const add = (html) => {
            const element = document.createElement("div");
            element.innerHTML = html;
            document.body.append(element);
        };
        add('<img src=x onerror="window.ran.push(1)">');
        add('<a id="injected" href="javascript:window.ran.push(2)">x</a>');
        const script = document.createElement("script");
        script.textContent = "window.ran.push(3)";
        document.body.append(script);
        for (const text of [
            "window.ran.push(4)", "$el.ownerDocument.defaultView.ran.push(5)",
            "$el.constructor.constructor('window.ran.push(6)')()",
            "$el['inner' + 'HTML'] = '<img src=x onerror=window.ran.push(7)>'",
            "ran.push(8)", "fetch('/')", "eval('1')", "alert(1)", "document.title = 'x'",
            "$el.onclick = 'x'", "[].map.constructor('window.ran.push(9)')()",
        ]) add(`<div x-data="{}" x-init="${text}"></div>`);
        document.getElementById("injected").click();
    }"""
    page.evaluate(injected)
    page.wait_for_timeout(300)
    assert page.evaluate("window.ran") == []
    refused = [fault for fault in view.faults if "could not be carried out" in fault]
    assert len(refused) == 11, view.faults
