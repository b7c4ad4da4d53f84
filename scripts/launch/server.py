"""The local server: it holds its port before anything is written, and answers when all is ready.

For one person's machine. Staging and production are served by gunicorn.
"""

import errno
import signal
import socket
from types import FrameType
from typing import Any, NoReturn

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

from launch.errors import LaunchError

__all__ = ["LOOPBACK", "LocalServer", "end_like_ctrl_c", "open_server", "url"]

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (named here, not bound)
LOOPBACK = ("127.0.0.1", "::1", "localhost")
KNOCK_SECONDS = 0.5  # loopback answers at once, or refuses at once
LAST_PORT = 65535


class LocalServer(ThreadedWSGIServer):
    """Answers each request in a thread of its own."""

    daemon_threads = True  # an open download does not hold up Ctrl-C

    def run(self, application: Any) -> None:
        """Answer requests until an exception, such as `KeyboardInterrupt`, then close the port."""
        self.set_app(application)
        try:
            self.serve_forever()
        finally:
            self.server_close()


def end_like_ctrl_c() -> None:
    """Let SIGTERM raise `KeyboardInterrupt`, as SIGINT does."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def url(host: str, port: int) -> str:
    """Return the address for a browser on this machine."""
    name = WILDCARDS.get(host, host)
    if ":" in name:  # IPv6
        name = f"[{name}]"
    return f"http://{name}:{port}/"


def open_server(host: str, port: int) -> LocalServer:
    """Take the port; requests wait in line until `run`.

    Raises:
        LaunchError: the port is in use, or the address cannot be had.
    """
    # On some systems two servers may hold one port, 127.0.0.1 and the wildcard: knock first.
    near = WILDCARDS.get(host, host)
    if near in LOOPBACK and _answers(near, port):
        raise _in_use(port)
    try:
        return LocalServer((host, port), WSGIRequestHandler, ipv6=":" in host)
    except socket.gaierror as error:
        raise LaunchError(
            f"HOST is '{host}', which cannot be resolved to an address; use 127.0.0.1."
        ) from error
    except OSError as error:
        raise _explain(error, host, port) from error


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=KNOCK_SECONDS):
            return True
    except OSError:
        return False


def _explain(error: OSError, host: str, port: int) -> LaunchError:
    if error.errno == errno.EADDRINUSE:
        return _in_use(port)
    if error.errno == errno.EACCES:
        return LaunchError(
            f"You do not have permission to open port {port} (ports below 1024 are reserved). "
            "Choose a higher one, for example: make run PORT=8000"
        )
    return LaunchError(
        f"HOST is '{host}', which is not an address of this machine ({error.strerror}); use "
        "127.0.0.1, or 0.0.0.0 for all addresses."
    )


def _in_use(port: int) -> LaunchError:
    other = port - 1 if port == LAST_PORT else port + 1
    return LaunchError(
        f"Port {port} is in use by another program. Stop that program, or choose another port, "
        f"for example: make run PORT={other}"
    )
