"""A server of its own for one run: gunicorn on a free port, a new database, keys of two roles."""

import contextlib
import http.client
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from launch.sqld import Server, free_port
from launch.tools import BIN, ROOT, tool_environment

__all__ = ["Site", "open_site"]

START_SECONDS: Final = 60  # a busy machine; it takes three


@dataclass(frozen=True, kw_only=True)
class Site:
    """A server that runs."""

    url: str
    """Its address, without a slash at the end."""
    admin_key: str
    """A key of the role Administrator."""
    viewer_key: str
    """A key of the role Viewer."""
    environment: dict[str, str]
    """Variables for `manage.py` on the same database."""


@contextlib.contextmanager
def open_site(database: str) -> Iterator[Site]:
    """Give a server that runs on a new database.

    Args:
        database: `sqlite` or `libsql`.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autoforge-clients-")))
        address = f"sqlite:///{folder / 'db.sqlite3'}"
        if database == "libsql":
            address = stack.enter_context(Server(folder / "libsql")).url
        port = free_port()
        environment = tool_environment() | {
            "DATABASE_URL": address,
            "PORT": str(port),
            "WEB_CONCURRENCY": "1",
        }
        _manage(environment, "migrate", "--verbosity", "0")
        admin_key = _create_key(environment, "Administrator")
        viewer_key = _create_key(environment, "Viewer")
        log = stack.enter_context((folder / "gunicorn.log").open("wb"))
        process = subprocess.Popen(  # noqa: S603 (our own command)
            [str(BIN / "python"), "-m", "gunicorn", "-c", "gunicorn.conf.py", "autoforge.wsgi"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            _wait(process, port, folder / "gunicorn.log")
            yield Site(
                url=f"http://127.0.0.1:{port}",
                admin_key=admin_key,
                viewer_key=viewer_key,
                environment=environment,
            )
        finally:
            process.terminate()
            process.wait()


def _create_key(environment: dict[str, str], role: str) -> str:
    name = f"clients {role}"
    output = _manage(
        environment, "api_key", "create", name, "--role", role, "--requests-per-minute", "0"
    )
    return output.strip().splitlines()[-1]


def _manage(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 (our own command)
        [str(BIN / "python"), "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"manage.py {arguments[0]}: {done.stderr[-2000:]}")
    return done.stdout


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/api/public/health")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-3000:]}")
