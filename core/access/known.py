"""Callers that this process has met: a key that is known costs no query.

A key that is revoked, or whose role loses a permission, is refused at once by every process:

- On one machine every process looks at one file before it trusts what it knows (a `stat`, about
  2 µs), and every change of keys makes that file longer.
- Between machines Redis holds a generation beside it, where there is Redis. Without it, another
  machine hears of the change when it asks the database again, after 5 seconds at the latest.
"""

import contextlib
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models.signals import m2m_changed, post_delete

from core.access.callers import Caller

__all__ = ["forget_callers", "remember_caller", "watch_permissions"]

SECONDS: Final = 5.0
MOST: Final = 10_000  # callers; then the process begins anew
GENERATION: Final = "access:generation"
GENERATION_SECONDS: Final = 7 * 24 * 60 * 60

logger = logging.getLogger(__name__)


class _Known(NamedTuple):
    caller: Caller
    stamp: tuple[object, ...]
    until: float


_known: dict[str, _Known] = {}
_lock = threading.Lock()


def remember_caller(key: str, load: Callable[[], Caller | None]) -> Caller | None:
    """Return the caller of `key`, from memory or from `load`.

    What `load` does not find is asked for again each time: it may be made any moment.
    """
    if connection.in_atomic_block:  # it may see what nobody else does, and never will
        return load()
    stamp = _read_stamp()  # before the query: a change meanwhile makes what it brings old
    now = time.monotonic()
    known = _known.get(key)
    if known is not None and known.stamp == stamp and known.until > now:
        return known.caller
    caller = load()
    if caller is None:
        _known.pop(key, None)
        return None
    with _lock:
        if len(_known) >= MOST:
            _known.clear()
        _known[key] = _Known(caller, stamp, now + SECONDS)
    return caller


def forget_callers() -> None:
    """Let every process ask the database again, once this transaction is committed."""
    transaction.on_commit(_change_stamp)


def watch_permissions() -> None:
    """Forget callers when a group's permissions change, or a group goes."""
    m2m_changed.connect(_forget, sender=Group.permissions.through, dispatch_uid="access.grants")
    post_delete.connect(_forget, sender=Permission, dispatch_uid="access.permissions")


def _forget(**_named: Any) -> None:
    forget_callers()


def _mark_file() -> str:
    # No Path: on the way of every request it takes longer than the `stat`.
    return os.path.join(settings.MARKS_FOLDER, "access.mark")  # noqa: PTH118


def _read_stamp() -> tuple[object, ...]:
    """Return what changes with every change of a key."""
    generation: object = None
    if settings.HAS_REDIS:
        generation = cache.get(GENERATION)
        if generation is None:
            cache.add(GENERATION, uuid.uuid4().hex, GENERATION_SECONDS)
            generation = cache.get(GENERATION)
    try:
        state = os.stat(_mark_file())  # noqa: PTH116 (as above)
    except OSError:  # nothing has changed yet, or the folder cannot be read: then time alone counts
        return (generation,)
    return (generation, state.st_size, state.st_mtime_ns)


def _change_stamp() -> None:
    _known.clear()
    if settings.HAS_REDIS:
        cache.set(GENERATION, uuid.uuid4().hex, GENERATION_SECONDS)
    mark = Path(_mark_file())
    try:
        with contextlib.suppress(FileExistsError):
            mark.parent.mkdir(parents=True)
        # It grows: two changes within one tick of the clock differ too.
        with mark.open("ab") as file:
            file.write(b"\n")
    except OSError as error:
        logger.warning(
            "%s cannot be written (%s): other processes accept a revoked key for up to %d seconds",
            mark,
            error.strerror,
            SECONDS,
        )
