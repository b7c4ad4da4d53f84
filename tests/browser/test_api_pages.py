"""The pages of the API in a real browser: keys are made and revoked, operations read and tried."""

import os
from pathlib import Path

import pytest
from django.core.management import call_command

from core.access import services

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture(autouse=True)
def roles(db):
    """Have the roles, which tests that empty the tables leave behind without permissions."""
    call_command("sync_roles", verbosity=0)


def look(view, name: str) -> None:
    """Keep a picture where somebody asks for one."""
    if folder := os.environ.get("SCREENSHOTS"):
        view.page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.mark.parametrize(("locale", "scheme"), [("en", "light"), ("ja", "dark")])
def test_a_key_is_made_shown_once_and_revoked(owner, open_browser, locale, scheme):
    view = open_browser(locale=locale, scheme=scheme)
    view.enter(owner)
    view.go("/admin/access/apikey/add/")
    look(view, f"key-add-{locale}")
    view.page.fill("[name=name]", "website")
    view.page.select_option("[name=role]", label="Editor")
    view.page.click("[name=_save]")
    key = view.page.input_value("input[readonly]")
    assert key.startswith("af_")
    assert view.excess_px() <= 0
    look(view, f"key-created-{locale}")
    view.page.click(".ak-link")
    assert key not in view.page.content()
    look(view, f"key-list-{locale}")
    view.page.click("text=website")
    look(view, f"key-change-{locale}")
    view.page.click(".ak-actions form:nth-of-type(2) button")
    assert not services.find_key("website").is_usable
    assert view.faults == []


def test_the_documentation_is_read_and_tried(open_browser):
    key = services.create_key(name="reader", role="Viewer").text
    view = open_browser()
    view.go("/api/docs")
    view.page.wait_for_selector("[data-path='/api/v1/me']")
    assert view.excess_px() <= 0
    view.page.click("button.authorize")
    view.page.fill("input[aria-label='auth-bearer-value']", key)
    view.page.click("form:has(input[aria-label='auth-bearer-value']) button.authorize")
    view.page.click(".modal-ux button.close-modal")
    view.page.click("#operations-Me-getMeApiV1Me .opblock-summary-control")
    view.page.click("text=Try it out")
    view.page.click("text=Execute")
    view.page.wait_for_selector(".live-responses-table .response-col_status:has-text('200')")
    assert '"reader"' in view.page.inner_text(".live-responses-table")
    look(view, "docs-tried")
    assert view.faults == []
