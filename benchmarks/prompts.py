"""The prompt workshop's speed: search over 100,000 prompts, fetching a released one, admin pages.

    make bench-prompts

Search runs on a SQLite file, beside a scan with LIKE in the same run. Fetching and the pages run on
a real libSQL server behind a proxy that delays each direction by 10 ms (20 ms a round trip), with
a real Redis; what counts there is the number of round trips.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

PROMPTS = 100_000
REMOTE_PROMPTS = 500
DELAY_SECONDS = 0.01  # each way
RUNS = 15
TEXT = """
    Answer the {question} in 会議の 要約を 三行で ください naïve façade customer report summary
    translate review incident release notes careful tone email
"""
WORDS = TEXT.split()
SEARCHES = ("needle", "固有777", "report", "customer report", "要約", "の", "a", "qz", "report の")


def rows(count: int) -> Iterator[Any]:
    """Yield rows of an import, the same at each call."""
    from prompts.importing import Row

    chance = random.Random(1)  # noqa: S311 (data, no secret)
    for number in range(count):
        text = " ".join(chance.choices(WORDS, k=60))
        needle = " needle" if number % 5000 == 0 else ""
        yield Row(
            line=number,
            title=f"Prompt {number} {chance.choice(WORDS)}",
            content=f"{text}{needle} 固有{number}",
            metadata={},
            title_column="title",
            content_column="content",
        )


def median_ms(call: Callable[[], object], runs: int = RUNS) -> float:
    """Return the median time of a call in milliseconds."""
    call()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def set_up(count: int) -> None:
    """Make the database of this process and fill it."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "autoforge.settings"
    import django

    django.setup()
    from django.core.management import call_command

    from prompts import services

    call_command("migrate", verbosity=0)
    services.import_rows(rows(count), services.ImportOptions(), print)


def search() -> None:
    """Print the table of searches."""
    set_up(PROMPTS)
    from django.db.models import Q

    from prompts.models import Prompt
    from prompts.search import matching

    def scan(text: str) -> Any:
        prompts = Prompt.objects.all()
        for word in text.split():
            prompts = prompts.filter(Q(title__icontains=word) | Q(content__icontains=word))
        return prompts

    print(f"Search on SQLite, {PROMPTS:,} prompts; median of {RUNS}, the first 50 of a page")
    print(f"{'words':<18}{'found':>7}{'ms':>8}{'LIKE ms':>9}{'ratio':>7}")
    for text in SEARCHES:
        ours = median_ms(lambda text=text: list(matching(Prompt.objects.all(), text)[:50]))
        like = median_ms(lambda text=text: list(scan(text)[:50]), 3)
        count = matching(Prompt.objects.all(), text).count()
        print(f"{text:<18}{count:>7}{ours:>8.1f}{like:>9.1f}{ours / like:>7.2f}", flush=True)


def remote() -> None:
    """Print what fetching and the pages cost on a remote database."""
    set_up(REMOTE_PROMPTS)
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client

    from prompts import interface, releases_cache, selectors, services
    from prompts.models import Prompt

    prompt = Prompt.objects.order_by("name")[0]
    services.move_label(prompt_id=prompt.pk, label="production", number=1)
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_superuser("bench"))
    page = f"/admin/prompts/prompt/{prompt.pk}/change/"

    def miss() -> None:
        releases_cache.forget_releases()
        interface.get_prompt(prompt.name)

    calls: dict[str, Callable[[], object]] = {
        "fetch, in Redis": lambda: interface.get_prompt(prompt.name),
        "fetch, not in Redis": miss,
        "search": lambda: list(selectors.search_prompts("要約")[:50]),
        "list of prompts": lambda: client.get("/admin/prompts/prompt/"),
        "list, searched": lambda: client.get("/admin/prompts/prompt/?q=要約"),
        "editor": lambda: client.get(page),
    }
    print(f"\nlibSQL at {2 * DELAY_SECONDS * 1000:.0f} ms a round trip, {REMOTE_PROMPTS} prompts")
    print(f"{'what':<22}{'round trips':>12}{'ms':>8}{'÷ one round trip':>18}")
    for name, call in calls.items():
        answer = call()
        if getattr(answer, "status_code", 200) != 200:
            raise SystemExit(f"{name} answers {answer.status_code}")  # type: ignore[attr-defined]  # a response
        before = connection.connection.round_trips
        call()
        trips = connection.connection.round_trips - before
        taken = median_ms(call)
        ratio = taken / (2 * DELAY_SECONDS * 1000)
        print(f"{name:<22}{trips:>12}{taken:>8.2f}{ratio:>18.2f}", flush=True)


def run(part: str, **environment: str) -> None:
    """Run a part in a process of its own."""
    base = {"APP_ENV": "local", "DEBUG": "false", "ENV_FILE": os.devnull, "LOG_LEVEL": "ERROR"}
    command = [sys.executable, str(Path(__file__)), part]
    subprocess.run(command, env=os.environ | base | environment, check=True)  # noqa: S603 (our own)


def main() -> int:
    """Start the servers, run both parts; return 0."""
    from launch.sqld import Server

    from benchmarks.database.proxy import DelayProxy
    from tests.support.redis_server import RedisServer

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run("search", DATABASE_URL=f"sqlite:///{folder / 'search.db'}")
        redis = RedisServer(folder)
        redis.start()
        server = Server(folder / "libsql").start()
        proxy = DelayProxy(server.port, DELAY_SECONDS)
        try:
            run("remote", DATABASE_URL=proxy.url, REDIS_URL=redis.url)
        finally:
            proxy.close()
            server.kill()
            redis.kill()
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["search"]:
        search()
    elif sys.argv[1:] == ["remote"]:
        remote()
    else:
        sys.exit(main())
