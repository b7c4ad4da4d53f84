"""Settings of gunicorn. HOST, PORT and APP_ENV are the product's own variables.

They may stand in the process or in the file of variables, as all others. A wrong environment ends
the server with one sentence in this log (`autoforge.web.app_loader`).
"""

import ctypes
import gc
import logging
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from gunicorn.arbiter import Arbiter

_root = Path(__file__).resolve().parent
sys.path.insert(0, str(_root))

from autoforge.environment import ConfigurationError, load  # noqa: E402 (found by its path)
from autoforge.metrics import folder  # noqa: E402 (as above)

# glibc gives threads heaps of their own, eight for each core, and each keeps the most that it ever
# had. Python runs one thread at a time, so two are enough: hundreds of watchers take less.
if hasattr(libc := ctypes.CDLL(None), "mallopt"):
    libc.mallopt(-8, 2)  # M_ARENA_MAX

try:
    _environment = load(os.environ, _root)
except ConfigurationError:  # the application says it, in one sentence, as soon as it is loaded
    _host, _port, _is_local = "127.0.0.1", 8000, os.environ.get("APP_ENV", "local") == "local"
else:
    _host, _port = _environment.host, _environment.port
    _is_local = _environment.app_env == "local"
bind = f"[{_host}]:{_port}" if ":" in _host else f"{_host}:{_port}"
# Below scripts/serve_web.py: it holds the port, and waits for the workers of a new server.
if _listener := os.environ.get("AUTOFORGE_LISTEN_FD"):
    bind = f"fd://{_listener}"
_ready = os.environ.pop("AUTOFORGE_READY_FD", None)
workers = int(os.environ.get("WEB_CONCURRENCY") or min(2 * multiprocessing.cpu_count() + 1, 9))
worker_class = "gthread"
# Four requests work at a time (`post_worker_init`); the other threads are for clients that watch a
# run and wait. A thread is made when none is idle, so a site that nobody watches has four or so.
_requests = 4
_watchers = 256
threads = _requests + _watchers
timeout = 60  # seconds; an import through the web would be the longest request
graceful_timeout = 25  # seconds; orchestrators kill after 30, which is for the end itself
keepalive = 5  # seconds; longer than most proxies wait between two requests
# Loaded once, before the workers: a wrong environment is said once, and memory is shared.
preload_app = True
control_socket_disable = True  # nobody asks there, and two servers would have one file
limit_request_line = 8190  # bytes; a cursor of a long name in its percents
# A slow leak never grows old. To replace a worker takes about a second, in which a server of one
# answers nobody: at 200 requests per second that is now and then in ten minutes.
max_requests = 100_000
max_requests_jitter = 20_000
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108 (gunicorn's heartbeat; no disk)
# Where the workers count for Prometheus; made before anything is loaded that would look for it.
_metrics = folder.prepare(Path(worker_tmp_dir or tempfile.gettempdir()))
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")


def when_ready(_server: Any) -> None:
    """Take what is loaded out of Python's search for garbage, before workers are made.

    It would be looked through again and again: 0.2 s, in which nobody is answered. And workers
    share the memory of what nobody touches.
    """
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Let a few requests work at a time; watchers and runs stop when the worker is to end."""
    from autoforge.background import resume_left
    from core.api.streams import LimitRequests, watchers
    from core.stopping import stop_request

    worker.wsgi = LimitRequests(worker.wsgi, _requests)
    watchers.most = _watchers
    watchers.is_stopping = lambda: not worker.alive
    stop_request.watch(lambda: not worker.alive)
    if _ready is not None and worker.age <= workers:  # those that come later replace good ones
        _say_ready(worker, int(_ready))
    resume_left()


def _say_ready(worker: Any, pipe: int) -> None:
    """Say whether this worker could answer; one that could not ends its server before it serves."""
    from autoforge.web.readiness import wait_until_ready

    try:
        problem = wait_until_ready(worker.wsgi)
    except Exception as error:
        logging.getLogger("gunicorn.error").critical("Not ready", exc_info=error)
        problem = f"{type(error).__name__}; its log says more"
    os.write(pipe, f"{workers} {problem}\n".encode())
    os.close(pipe)
    if problem:
        sys.exit(Arbiter.WORKER_BOOT_ERROR)


def worker_exit(_server: Any, _worker: Any) -> None:
    """Wait until the run in progress (QUEUE=in-process) is stored and given back."""
    from autoforge.background import stop_background

    if not stop_background():
        # Python would wait for the thread without an end.
        logging.getLogger("gunicorn.error").warning("A run could not be stored and given back")
        os._exit(0)


def child_exit(_server: Any, worker: Any) -> None:
    """Keep what a worker has counted when it is replaced."""
    folder.absorb(_metrics, worker.pid)


def pre_exec(server: Any) -> None:
    """Let a server that replaces this one without a pause count on in the same folder."""
    server.cfg.env_orig[folder.VARIABLE] = str(_metrics)


def on_exit(server: Any) -> None:
    """Remove the folder of the numbers, unless a server that replaces this one counts on in it."""
    if not server.reexec_pid:
        folder.discard(_metrics)


logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "default": {
            "()": "autoforge.logging.formatters.make_formatter",
            "json_lines": not _is_local,
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "default"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "gunicorn.error": {"handlers": ["console"], "level": "INFO", "propagate": False},
        # Requests are logged by the application, with their id.
        "gunicorn.access": {"handlers": [], "level": "ERROR", "propagate": False},
    },
}
