"""axe-core finds nothing that shuts people out, on any page, in light and dark, wide and narrow."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.template.loader import render_to_string
from django.urls import reverse

from autoforge.demo import load_demo
from core.events.services.endpoints import create_endpoint, edit_endpoint
from core.events.services.outbox import send_test_event
from evaluations.models import Run, TestCase, TestResult, TestSuite
from prompts import services
from prompts.models import Prompt, PromptTemplate, PromptVersion
from tests.support.records import keep

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.once]

GRAVE = ["serious", "critical"]
# Each rule of axe has one weight: those of no grave one are not run. A page names few colours, but
# axe parses them anew for every element, which was half of its time.
PREPARE = """(grave) => {
    const {rules, tagExclude} = axe._audit;
    globalThis.graveRules = rules.filter(({enabled, impact, tags}) =>
        enabled && grave.includes(impact) && !tags.some((tag) => tagExclude.includes(tag))
    ).map(({id}) => id);
    const {Color} = axe.commons.color;
    const parse = Color.prototype.parseString;
    const parsed = new Map();
    Color.prototype.parseString = function (text) {
        if (!parsed.has(text)) parsed.set(text, parse.call(new Color(), text));
        const {r, g, b, alpha} = parsed.get(text);
        return Object.assign(this, {r, g, b, alpha});
    };
    return graveRules.length;
}"""
RUN = """(rules) => axe.run(document, {
    resultTypes: ["violations"], runOnly: {type: "rule", values: rules ?? graveRules},
}).then(({violations}) => violations.map(({id, impact, help, nodes}) => ({
    id, impact, help, nodes: nodes.map(({target, html, failureSummary}) =>
        `${target.join(" ")} ${html.slice(0, 200)} ${failureSummary}`
    ),
})))"""
OTHER_SCHEME = """() => {
    const still = new CSSStyleSheet();
    still.replaceSync("*, *::before, *::after { transition: none !important; }");
    document.adoptedStyleSheets = [still];
    document.documentElement.classList.toggle("dark");
}"""
ERROR_PAGES = ("400", "403", "403_csrf", "404", "500", "503", "admin/locked_out")
THOROUGH = {"prompt", "run", "user"}
"""Models of which also the pages are visited that are the same for all."""


def admin_pages() -> Iterator[str]:
    """Yield the pages of every model."""
    for model in admin.site._registry:
        name = model._meta.model_name
        base = reverse(f"admin:{model._meta.app_label}_{name}_changelist")
        row = model._default_manager.first()
        yield from (base, f"{base}add/")
        if row is not None:
            yield f"{base}{row.pk}/change/"
        if row is not None and name in THOROUGH:
            yield from (
                f"{base}?q=%E7%84%A1",
                f"{base}{row.pk}/delete/",
                f"{base}{row.pk}/history/",
            )


def own_pages() -> Iterator[str]:
    """Yield the pages that belong to no model's usual ones."""
    prompt = Prompt.objects.filter(current_version__gt=1).first()
    run = Run.objects.first()
    yield from (
        "/admin/",
        "/admin/prompts/",
        "/admin/password_change/",
        f"/admin/auth/user/{User.objects.first().pk}/password/",
        "/admin/nothing/",
        "/admin/prompts/prompt/import/",
        f"/admin/prompts/prompt/{prompt.pk}/diff/",
        f"/admin/prompts/prompt/{prompt.pk}/diff/?view=inline",
        f"/admin/prompts/prompt/{prompt.pk}/change/#history",
        "/admin/prompts/prompt/?state=deleted",
        "/admin/prompts/prompttemplate/gallery/",
        "/admin/prompts/prompt/folders/",
        f"/admin/prompts/prompttemplate/{PromptTemplate.objects.first().pk}/use/",
        "/admin/evaluations/testsuite/import/",
        f"/admin/evaluations/run/add/?suite={TestSuite.objects.first().pk}",
        f"/admin/evaluations/run/{run.pk}/case/0/",
        f"/admin/evaluations/run/{run.pk}/compare/",
    )


def violations(page, name: str) -> list[str]:
    """Return what axe finds, in the scheme of the page and of colours alone in the other one."""
    page.evaluate(AXE_SCRIPT)
    assert page.evaluate(PREPARE, GRAVE) > 50
    broken = page.evaluate(RUN)
    page.evaluate(OTHER_SCHEME)
    broken += page.evaluate(RUN, ["color-contrast", "link-in-text-block"])
    return [
        f"{name}: {rule['id']} ({rule['impact']}, {rule['help']}): {node}"
        for rule in broken
        for node in rule["nodes"]
    ]


def opens(view, path: str) -> list[str]:
    """Open a page that Alpine has begun on, and return what axe finds."""
    view.go(path)
    # Alpine takes this attribute off.
    view.page.wait_for_function("!document.documentElement.hasAttribute('x-cloak')")
    return violations(view.page, path)


def test_the_rules_see_what_they_should(open_browser):
    """What is grave is found, in either scheme; what is not is left out."""
    page = open_browser().page
    page.set_content(
        """<html lang="en"><title>x</title><style>
        p { color: oklch(0.9 0 0); background: white } .dark p { color: black }
        .dark b { display: block; color: oklch(0.3 0 0); background: black }
        </style><main><h1>x</h1><h3>a level is left out: moderate</h3>
        <img src="data:,"><p>pale</p><b>dark</b></main>"""
    )
    rules = [line.split()[1] for line in violations(page, "page:")]
    assert sorted(rules) == ["color-contrast", "color-contrast", "image-alt"]


@pytest.mark.timeout(600)
def test_every_page_is_whole_and_axe_finds_nothing_serious(owner, open_browser):
    """Under the policy every attribute of the theme is carried out, and nothing is refused."""
    load_demo()
    services.create_prompt(title="In folders", name="support/reply/short", content="Text")
    # Switched off again, so that nothing goes anywhere.
    made = create_endpoint(name="team", url="https://127.0.0.1:9/", event_types=["label.moved"])
    send_test_event(endpoint=made.endpoint, wake=False)
    edit_endpoint(endpoint_id=made.endpoint.pk, enabled=False)
    keep(messages=[{"role": "user", "content": "line\n" * 300}], error="cut", metadata={"a": [1]})
    view = open_browser()
    view.go("/admin/")
    faults = violations(view.page, "login")
    view.go("/admin/")
    view.login("owner", "wrong")
    faults += violations(view.page, "login refused")
    view.login("owner", "owner-pass")
    for path in [*own_pages(), *admin_pages()]:
        faults += opens(view, path)
    assert view.faults == []
    for template in ERROR_PAGES:
        view.page.set_content(render_to_string(f"{template}.html"))
        faults += violations(view.page, template)
    assert not faults, "\n".join(faults)


def test_axe_finds_nothing_serious_on_a_phone_in_japanese(owner, open_browser):
    load_demo()
    view = open_browser(390, 844, "dark", "ja")
    view.enter(owner)
    prompt, run = Prompt.objects.first(), Run.objects.first()
    faults = []
    for path in (
        "/admin/",
        "/admin/prompts/prompt/",
        f"/admin/prompts/prompt/{prompt.pk}/change/",
        f"/admin/evaluations/run/{run.pk}/change/",
    ):
        faults += opens(view, path)
    assert not faults, "\n".join(faults)


def test_axe_finds_nothing_serious_for_readers(open_browser):
    """Those who may not edit see other pages of the same rows."""
    load_demo()
    viewer = User.objects.create_user("viewer", password="viewer-pass", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    view = open_browser()
    view.enter(viewer)
    faults = []
    for model in (Prompt, PromptVersion, PromptTemplate, TestSuite, TestCase, TestResult):
        row = model.objects.first()
        path = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
        faults += opens(view, path)
    assert not faults, "\n".join(faults)
