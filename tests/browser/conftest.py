"""A real chromium (Debian's), one for a module; each test has a context of its own."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

# Playwright's synchronous API runs an event loop in this thread, where Django would refuse its ORM.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def find_chromium() -> str | None:
    """Return the browser's path: CHROMIUM ("no": none), or the first that is on the PATH."""
    if os.environ.get("CHROMIUM") == "no":
        return None
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = "no chromium on this machine: `apt install chromium` brings it"
    for item in items:
        if "browser" in item.keywords:
            # The longest file has a browser of its own, beside that of the others.
            is_long = item.path.stem == "test_accessibility"
            item.add_marker(pytest.mark.xdist_group("browser-long" if is_long else "browser"))
            if find_chromium() is None:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="module")  # not the session: its event loop would stay for all later tests
def browser() -> Iterator[Browser]:
    options = [*OPTIONS, "--no-sandbox"] if os.geteuid() == 0 else OPTIONS
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=find_chromium(), args=options)
        yield launched
        launched.close()


class Watched:
    """A page that remembers what must not happen: errors, and requests to elsewhere."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.base = base
        self.page: Page = context.new_page()
        self.faults: list[str] = []
        self.page.on("request", self._request)
        self.page.on("pageerror", lambda error: self.faults.append(error.stack or str(error)))
        self.page.on("console", self._console)

    def _request(self, request) -> None:
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.faults.append(f"asked {request.url}")

    def _console(self, message) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            self.faults.append(message.text)

    def go(self, path: str) -> None:
        self.page.goto(f"{self.base}{path}")

    def enter(self, client) -> None:
        """Be logged in as a test's client is, without the page for it."""
        cookie = client.cookies["sessionid"]
        self.page.context.add_cookies(
            [{"name": "sessionid", "value": cookie.value, "url": self.base, "httpOnly": True}]
        )

    def login(self, name: str, password: str) -> None:
        self.go("/admin/")
        self.page.fill("[name=username]", name)
        self.page.fill("[name=password]", password)
        self.page.click("button[type=submit]")


@pytest.fixture
def open_browser(browser, live_server):
    """Return a function that opens a page of a size, scheme and language."""
    contexts = []

    def open_page(width=1440, height=900, scheme="light", locale="en") -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, locale=locale
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        return Watched(context, live_server.url)

    yield open_page
    for context in contexts:
        context.close()
