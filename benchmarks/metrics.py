"""`make bench-metrics`: what counting for Prometheus adds to a request, and what a scrape takes.

The same application with and without the middleware, called in turn in one process, so that
whatever else the machine does slows both. Numbers are kept in mapped files, as under gunicorn. No
server is between: with one, the ratios would be closer to 1.
"""

import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

ROUNDS: Final = 40
REQUESTS: Final = 50  # of each application in a round
MIDDLEWARE: Final = "autoforge.metrics.middleware.MetricsMiddleware"
# Of the time without; a request also passes a server and a network.
LIMITS: Final = {"bare view": 0.80, "prompt from the cache": 0.90, "list of 50 prompts": 0.90}
LONGEST_SCRAPE_MS: Final = 250.0
Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


def make_applications() -> tuple[Application, Application]:
    """Return the application with and without the middleware."""
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler

    counted = WSGIHandler()
    settings.MIDDLEWARE.remove(MIDDLEWARE)
    plain = WSGIHandler()
    return counted, plain


def ask(application: Application, path: str, key: str) -> bytes:
    """Return the body of an answer.

    Raises:
        SystemExit: it is not 200.
    """
    statuses: list[str] = []
    path, _, query = path.partition("?")
    environment = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_AUTHORIZATION": f"Bearer {key}",
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
    }
    answer = application(environment, lambda status, _headers, *_error: statuses.append(status))
    body = b"".join(answer)
    answer.close()
    if statuses != ["200 OK"]:
        raise SystemExit(f"{path} answers {statuses}")
    return body


def measure(application: Application, path: str, key: str) -> float:
    """Return seconds per request."""
    started = time.perf_counter()
    for _ in range(REQUESTS):
        ask(application, path, key)
    return (time.perf_counter() - started) / REQUESTS


def main() -> int:
    """Print the ratios; return 0 where every limit is reached, else 1."""
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as counted_in:
        os.environ |= {
            "APP_ENV": "local",
            "DEBUG": "false",
            "ENV_FILE": os.devnull,
            "LOG_LEVEL": "ERROR",
            "DATABASE_URL": f"sqlite:///{Path(name) / 'bench.db'}",
            "PROMETHEUS_MULTIPROC_DIR": counted_in,
        }
        from benchmarks.api import make_content

        key = make_content()
        counted, plain = make_applications()
        is_reached = compare(counted, plain, key)
        return 0 if measure_scrape(counted, key) and is_reached else 1


def compare(counted: Application, plain: Application, key: str) -> bool:
    """Print what counting takes of each kind of request; return whether the limits are reached."""
    kinds = {
        "bare view": "/health/live",
        "prompt from the cache": "/api/v1/prompts/bench/prompt-1",
        "list of 50 prompts": "/api/v1/prompts?limit=50",
    }
    print(f"In one process, {ROUNDS} rounds of {REQUESTS} requests in turn; medians")
    print(f"{'what':<24}{'without':>12}{'with':>12}{'adds':>10}{'without ÷ with':>17}{'limit':>8}")
    is_reached = True
    for what, path in kinds.items():
        times: list[tuple[float, float]] = []
        for _ in range(ROUNDS):
            times.append((measure(plain, path, key), measure(counted, path, key)))
        before = statistics.median(without for without, _with in times) * 1e6
        after = statistics.median(with_ for _without, with_ in times) * 1e6
        ratio = statistics.median(without / with_ for without, with_ in times)
        print(
            f"{what:<24}{before:>9.0f} µs{after:>9.0f} µs{after - before:>7.0f} µs"
            f"{ratio:>17.2f}{LIMITS[what]:>8.2f}"
        )
        is_reached = is_reached and ratio >= LIMITS[what]
    return is_reached


def measure_scrape(application: Application, key: str) -> bool:
    """Print what a scrape takes; return whether it is quick enough."""
    from autoforge.metrics.readings import reader

    times = []
    for _ in range(20):
        reader.forget()
        started = time.perf_counter()
        body = ask(application, "/metrics", key)
        times.append((time.perf_counter() - started) * 1000)
    taken = statistics.median(times)
    lines = body.count(b"\n")
    print(f"\nA scrape takes {taken:.1f} ms (limit {LONGEST_SCRAPE_MS:.0f}): {lines} lines")
    return taken <= LONGEST_SCRAPE_MS


if __name__ == "__main__":
    sys.exit(main())
