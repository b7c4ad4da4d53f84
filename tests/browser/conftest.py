"""A real chromium (Debian's): one for all tests of a process, which find it as good as new.

To start it, and to fetch and compile the theme's files for each test again, took most of the time.
So the browser stays, and so do its contexts with their caches; what a page could have left behind
there (cookies, storage, other pages) is taken away between the tests.
"""

import asyncio
import os
import shutil
from collections.abc import Iterator

import pytest
from django.contrib.staticfiles import handlers
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

# Playwright's synchronous API runs an event loop in this thread, where Django would refuse its ORM.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# On a machine that is busy with other tests a page takes its time: only what fails waits so long.
expect.set_options(timeout=30_000)

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Pages of a context share a process, and so the parsed style sheets and compiled scripts.
    "--renderer-process-limit=1",
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


class KeptStaticFiles(handlers.StaticFilesHandler):
    """Static files that the browser asks for once, however new they are on this disk."""

    def serve(self, request):
        response = super().serve(request)
        response["Cache-Control"] = "max-age=86400"
        return response


@pytest.fixture(scope="session")
def live_server() -> Iterator[LiveServer]:
    """Return pytest-django's server, with static files that are kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handlers, "StaticFilesHandler", KeptStaticFiles)
        server = LiveServer("localhost")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def launched() -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    """Return the browser and the event loop that Playwright runs for it in this thread."""
    options = [*OPTIONS, "--no-sandbox"] if os.geteuid() == 0 else OPTIONS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=options)
        loop = asyncio.get_running_loop()
        yield browser, loop
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture(scope="module")
def browser(launched) -> Iterator[Browser]:
    """Return the browser; its event loop counts as running for this module only.

    Tests of other modules run loops of their own in this thread.
    """
    browser, loop = launched
    asyncio._set_running_loop(loop)
    yield browser
    asyncio._set_running_loop(None)


class Contexts:
    """Contexts of a browser that are used again: the caches stay, nothing else does."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.unused: dict[tuple, list[Page]] = {}
        """Pages of the server that keep a context's process alive, by the context's options."""
        self.used: list[tuple[tuple, Page]] = []

    def take(self, browser: Browser, **options) -> BrowserContext:
        """Return a context that nobody uses, without cookies and storage."""
        key = tuple(sorted(options.items()))
        unused = self.unused.setdefault(key, [])
        page = unused.pop() if unused else self._begin(browser, options)
        self.used.append((key, page))
        page.context.clear_cookies()
        page.evaluate("localStorage.clear()")
        return page.context

    def give_back(self) -> None:
        """Close the pages of all contexts that were taken."""
        for key, kept in self.used:
            for page in kept.context.pages:
                if page is not kept:
                    page.close()
            self.unused[key].append(kept)
        self.used.clear()

    def _begin(self, browser: Browser, options: dict) -> Page:
        context = browser.new_context(**options)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.goto(f"{self.base}/health/live")
        return page


@pytest.fixture(scope="session")
def all_contexts(launched, live_server) -> Contexts:
    return Contexts(live_server.url)


@pytest.fixture
def contexts(browser, live_server, all_contexts):
    """Return a function that gives a context for as long as the test runs."""
    yield lambda **options: all_contexts.take(browser, **options)
    all_contexts.give_back()


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

    def resize(self, width: int, height: int) -> None:
        self.page.set_viewport_size({"width": width, "height": height})

    def excess_px(self) -> int:
        """Return by how much the page is wider than the window."""
        return self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )

    def enter(self, user) -> None:
        """Be logged in, without the page for it."""
        client = Client()
        client.force_login(user)
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
def open_browser(contexts, live_server):
    """Return a function that opens a page of a size, scheme and language, like a new browser."""

    def open_page(width=1440, height=900, scheme="light", locale="en") -> Watched:
        watched = Watched(contexts(locale=locale), live_server.url)
        watched.resize(width, height)
        watched.page.emulate_media(color_scheme=scheme)
        return watched

    return open_page
