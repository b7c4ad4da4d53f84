"""`make clients`: real clients, from their registries, against a live server.

--only langfuse,mcp      some of them; --list names all
--database libsql        on a real libSQL server instead of a SQLite file
--record                 keep requests and answers as data for `make test`
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # launch, and this package
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the project's packages

from launch.tools import BIN, ROOT

from clients import npm, promptfoo, turso
from clients.recorder import Recorder
from clients.recordings import write_recording
from clients.site import Site, open_site
from tests.support.fake_models import FakeModels

PROGRAMS: Final = Path(__file__).parent / "programs"
VENV: Final = ROOT / os.environ.get("CLIENTS_VENV", ".venv-clients")
SKIPPED: Final = 77  # the status by which a program says that there is nothing to test yet
SECONDS: Final = 300


@dataclass(frozen=True, kw_only=True)
class Client:
    """A client and how it is run."""

    name: str
    command: Callable[[], list[str]]
    """The program that uses it; it prints a line for each check."""
    is_recorded: bool = True
    """Whether what it asks may become data of `make test`."""
    is_of_turso: bool = False
    """Whether it asks the fake of Turso, not this product."""


def _python(program: str) -> Callable[[], list[str]]:
    return lambda: [str(VENV / "bin" / "python"), str(PROGRAMS / program)]


def _node(program: str) -> Callable[[], list[str]]:
    return lambda: ["node", str(npm.install() / program)]


def _autoforge_js() -> list[str]:
    folder = npm.install()
    npm.build(folder)
    return ["node", "--test", "--test-reporter=tap", str(folder / npm.OURS / "test")]


def _guide() -> list[str]:
    folder = npm.install()
    npm.build(folder)
    return [*_python("guide.py")(), str(folder)]


def _promptfoo() -> list[str]:
    return [*_python("promptfoo_eval.py")(), *promptfoo.command()]


CLIENTS: Final = (
    Client(name="langfuse", command=_python("langfuse_sdk.py")),
    Client(name="langfuse-traces", command=_python("langfuse_traces.py")),
    Client(name="mcp", command=_python("mcp_sdk.py")),
    Client(name="openai", command=_python("openai_sdk.py")),
    Client(name="otel", command=_python("otel_sdk.py")),
    Client(name="autoforge", command=_python("autoforge_sdk.py")),
    Client(name="langfuse-js", command=_node("langfuse_sdk.mjs")),
    Client(name="otel-js", command=_node("otel_sdk.mjs")),
    Client(name="promptfoo", command=_promptfoo),
    Client(name="autoforge-js", command=_autoforge_js),
    Client(name="turso-js", command=_node("turso_api.mjs"), is_of_turso=True),
    Client(name="guide", command=_guide, is_recorded=False),  # by the clients above
)


def main() -> int:
    """Run the clients, print a table; return 1 if one fails."""
    options = _options()
    if options.list:
        print("\n".join(client.name for client in CLIENTS))
        return 0
    names = [name for name in options.only.split(",") if name]
    unknown = set(names) - {client.name for client in CLIENTS}
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; --list names all", file=sys.stderr)
        return 2
    chosen = [client for client in CLIENTS if not names or client.name in names]
    rows = []
    for client in chosen:
        if client.is_of_turso:
            rows.append((client.name, *_run_against_turso(client, record=options.record)))
            continue
        # A new database for each: what is written down is repeated on an empty one.
        with open_site(options.database) as site:
            rows.append((client.name, *_run(client, site, record=options.record)))
    width = max(len(name) for name, *_ in rows)
    print()
    for name, outcome, checks, seconds in rows:
        print(f"{name:{width}}  {outcome:8} {checks:3} checks  {seconds:5.1f} s")
    return 1 if any(outcome == "FAILED" for _, outcome, *_ in rows) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="NAMES")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--database", choices=("sqlite", "libsql"), default="sqlite")
    parser.add_argument("--record", action="store_true")
    return parser.parse_args()


def _run(client: Client, site: Site, *, record: bool) -> tuple[str, int, float]:
    """Return the outcome, how many checks passed, and the seconds that it took."""
    print(f"{client.name}:", flush=True)
    keys = {"Administrator": site.admin_key, "Viewer": site.viewer_key}
    recorder = Recorder(site.url, keys)
    models = FakeModels()
    started = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603 (our own programs)
            client.command(),
            cwd=ROOT,
            env=_environment(site, recorder.url) | {"MODELS_URL": models.url},
            stdout=subprocess.PIPE,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    finally:
        recorder.close()
        models.close()
    print(done.stdout, end="", flush=True)
    seconds = time.monotonic() - started
    checks = sum(line.strip().startswith("ok ") for line in done.stdout.splitlines())
    if done.returncode == SKIPPED:
        return "skipped", checks, seconds
    if done.returncode != 0:
        return "FAILED", checks, seconds
    if record and client.is_recorded and recorder.exchanges:
        write_recording(
            client.name, recorder.exchanges, models_url=models.url, secrets=keys.values()
        )
    return "passed", checks, seconds


def _run_against_turso(client: Client, *, record: bool) -> tuple[str, int, float]:
    print(f"{client.name}:", flush=True)
    started = time.monotonic()
    done = turso.run(client.command(), record=record)
    print(done.stdout, end="", flush=True)
    checks = sum(line.strip().startswith("ok ") for line in done.stdout.splitlines())
    outcome = "FAILED" if done.returncode else "passed"
    return outcome, checks, time.monotonic() - started


def _environment(site: Site, url: str) -> dict[str, str]:
    environment = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ
    }
    # For `manage.py mcp`, which a client starts itself.
    environment["MANAGE"] = json.dumps([str(BIN / "python"), str(ROOT / "manage.py")])
    environment["MANAGE_ENVIRONMENT"] = json.dumps(site.environment)
    source = ROOT / "packages" / "autoforge-client" / "src"
    return environment | {
        "AUTOFORGE_URL": url,
        "AUTOFORGE_DIRECT_URL": site.url,  # nothing of it is written down
        "AUTOFORGE_API_KEY": site.admin_key,
        "VIEWER_KEY": site.viewer_key,
        "PYTHONPATH": str(source),
        "PYTHONUNBUFFERED": "1",
    }


if __name__ == "__main__":
    sys.exit(main())
