"""The admin under a policy without unsafe scripts: every page works, and nothing else runs."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from evaluations.models import Run, TestCase, TestSuite
from prompts import services

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def paths(owner):
    prompt = services.create_prompt(title="Support reply", content="Answer {{ question }}.")
    suite = TestSuite.objects.create(name="Suite")
    TestCase.objects.create(suite=suite, name="case")
    run = Run.objects.create(name="Run", suite=suite)
    names = [
        "index",
        *(
            f"{model}_{page}"
            for model in ("prompts_prompt", "evaluations_testsuite", "auth_user", "auth_group")
            for page in ("changelist", "add")
        ),
        "evaluations_run_changelist",
        "prompts_prompt_import",
        "evaluations_testsuite_import",
        "password_change",
    ]
    return [
        *(reverse(f"admin:{name}") for name in names),
        reverse("admin:prompts_prompt_change", args=[prompt.pk]),
        reverse("admin:prompts_prompt_history", args=[prompt.pk]),
        reverse("admin:prompts_prompt_delete", args=[prompt.pk]),
        reverse("admin:evaluations_testsuite_change", args=[suite.pk]),
        reverse("admin:evaluations_run_change", args=[run.pk]),
        reverse("admin:auth_user_change", args=[owner.pk]),
        reverse("admin:auth_user_password_change", args=[owner.pk]),
    ]


def test_every_attribute_is_carried_out(client, owner, paths, open_browser):
    client.force_login(owner)
    view = open_browser()
    view.enter(client)
    for path in paths:
        view.go(path)
        # Alpine has begun: it takes this attribute off.
        view.page.wait_for_function("!document.documentElement.hasAttribute('x-cloak')")
    assert view.faults == []


def test_what_the_theme_moves(client, owner, paths, open_browser):
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


def test_nothing_else_runs(client, owner, open_browser):
    client.force_login(owner)
    view = open_browser()
    view.enter(client)
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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 - 4 / 2 % 3", 5),
        ("(1 + 2) * 3", 9),
        ("a.b['c d'][0]", 7),
        ("a?.b && missing?.b || 'none'", "none"),
        ("!a ? 1 : n === 3 ? 2 : 3", 2),
        ("n = n + 1; n", 4),
        ("if (n > 5) { n = 0 } else { n = 9; } n", 9),
        ("if (n == '3') n = 8", 8),
        ("[1, 'x', [2],]", [1, "x", [2]]),
        ("{a: 1, 'b-c': n, n, d: {}}", {"a": 1, "b-c": 3, "n": 3, "d": {}}),
        ("twice(x => x + n)", 11),
        ("twice((x, y) => x)", 8),
        ("'it\\'s' + \"\\n\"", "it's\n"),
        ("-n < -2 && n >= 3 && n <= 3 && n != 4 && n !== '3'", True),
        ("'\\u65e5'.length > 0", True),
        ("null || undefined || false", False),
    ],
)
def test_expressions(browser, text, value):
    page = browser.new_page()
    page.add_script_tag(path="static/autoforge/expressions.js")
    scope = """{
        a: {b: {"c d": [7]}}, n: 3, missing: null, twice: (work) => work(8),
    }"""
    code = """(text) => {
        globalThis.Alpine = {mergeProxies: ([first, second]) => ({...second, ...first})};
        const {parse, run} = autoforgeExpressions;
        return run(parse(text), SCOPE) ?? null;
    }""".replace("SCOPE", scope)
    assert page.evaluate(code, text) == value
    page.close()


@pytest.mark.parametrize(
    "text",
    [
        "1 +",
        "(1",
        "a.",
        "1 = 2",
        "`x`",
        "new Date()",
        "a => ",
        "{a b}",
        "a ? 1",
        "function () {}",
        "#",
    ],
)
def test_what_is_no_expression(browser, text):
    page = browser.new_page()
    page.add_script_tag(path="static/autoforge/expressions.js")
    refused = page.evaluate(
        "text => { try { autoforgeExpressions.parse(text) } catch (error) { return error.name } }",
        text,
    )
    assert refused == "SyntaxError"
    page.close()
