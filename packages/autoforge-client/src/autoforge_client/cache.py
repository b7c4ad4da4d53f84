"""Prompts that were read before: fresh, stale but usable at once, or kept for a bad day.

An entry is fresh until `refresh_at`. Whoever finds it stale gets it at once, and the first of them
is told to refresh it; the claim ends by itself, so a thread that dies blocks nothing.
"""

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from autoforge_client.errors import InvalidAnswer
from autoforge_client.models import Prompt, read_prompt

__all__ = ["Cache", "Entry", "Key"]

Key = tuple[str, str, int]
"""Name, label and number; the label is empty where a number was asked for."""
CLAIM_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 5.0  # after a failed refresh: a server that comes back is not overrun
log = logging.getLogger("autoforge_client")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What was read, and how far it may be used."""

    prompt: Prompt | None
    """None: the server was away when it was asked for."""
    refresh_at: float = 0.0
    """On the monotonic clock."""
    must_ask: bool = False
    """Use it only if the server is away: it is from the disk, or was changed by this client."""


class Cache:
    """Entries by key, of a bounded number, in memory and if asked in a folder; for all threads."""

    def __init__(
        self, *, fresh_seconds: float, most: int, folder: Path | None, origin: str
    ) -> None:
        self._fresh_seconds = fresh_seconds
        self._most = most
        self._folder = folder
        self._origin = origin
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Key) -> tuple[Entry | None, bool]:
        """Return the entry, and whether the caller shall refresh it now."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
                if entry.must_ask or entry.refresh_at > time.monotonic():
                    return entry, entry.must_ask
                self._entries[key] = replace(entry, refresh_at=time.monotonic() + CLAIM_SECONDS)
                return entry, True
        prompt = self._read_file(key)
        return (Entry(prompt=prompt, must_ask=True) if prompt else None), True

    def store(self, key: Key, prompt: Prompt, body: bytes) -> None:
        """Keep what the server answered; an empty body says that it is as before."""
        fresh = Entry(prompt=prompt, refresh_at=time.monotonic() + self._fresh_seconds)
        self._put(key, fresh)
        if body:
            self._write_file(key, prompt.etag, body)

    def postpone(self, key: Key, prompt: Prompt | None, seconds: float | None) -> None:
        """Keep what there is after a failure, and ask again a little later."""
        wait = max(RETRY_SECONDS, seconds or 0.0)
        self._put(key, Entry(prompt=prompt, refresh_at=time.monotonic() + wait))

    def evict(self, key: Key) -> None:
        """Forget an entry: the server says that there is no such prompt."""
        with self._lock:
            self._entries.pop(key, None)
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._path(self._folder, key).unlink(missing_ok=True)

    def expire(self, name: str) -> None:
        """Let every version of a prompt be asked for before it is used again."""
        with self._lock:
            for key, entry in list(self._entries.items()):
                if key[0] == name:
                    self._entries[key] = replace(entry, must_ask=True)

    def _put(self, key: Key, entry: Entry) -> None:
        with self._lock:
            self._entries[key] = entry
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)

    def _path(self, folder: Path, key: Key) -> Path:
        digest = hashlib.sha256(json.dumps([self._origin, *key]).encode()).hexdigest()
        return folder / f"{digest}.json"

    def _read_file(self, key: Key) -> Prompt | None:
        if self._folder is None:
            return None
        try:
            saved: Any = json.loads(self._path(self._folder, key).read_bytes())
            return read_prompt(saved["body"].encode(), str(saved["etag"]))
        except FileNotFoundError:
            return None
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            InvalidAnswer,
        ) as error:
            log.warning("A file of the prompt cache cannot be read: %s", type(error).__name__)
            return None

    def _write_file(self, key: Key, etag: str, body: bytes) -> None:
        if self._folder is None:
            return
        text = json.dumps({"etag": etag, "body": body.decode()})
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made for its owner alone (0600), and renamed when whole: readers see no half of it.
            handle, name = tempfile.mkstemp(dir=self._folder, suffix=".part")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                Path(name).replace(self._path(self._folder, key))
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            log.warning("The prompt cache cannot be written: %s", error.strerror)
