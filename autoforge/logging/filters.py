"""What is not logged, or not as it came: filters of the console handler, named in LOGGING.

- What Django says of a request is part of that request's own line (`autoforge.web.request_log`).
- What a dead Redis causes, in any library, is one sentence a minute and no traceback.
- The same failure of the background, over and over, is one traceback a minute.
"""

import logging
from typing import Final

from django.http import HttpRequest

from autoforge.logging.limits import REDIS, held_back_words, limits

__all__ = ["LOGGED", "HoldBackRepeats", "JoinRequests", "is_redis_away"]

PARTS_OF_A_REQUEST_LINE: Final = 3  # of wsgiref: the request, the status, the size
LOGGED: Final[tuple[logging.LogRecord, ...]] = ()  # the notes of a request that has had its line
LONGEST_CAUSE: Final = 200  # characters of an error's text that tell it from another


class JoinRequests(logging.Filter):
    """Hands what Django logs about a request to the request, which has a line of its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is logged by itself."""
        if record.name == "django.server":
            # The development server's own line repeats ours, with the query and what is in it.
            return not _is_request_line(record)
        request = getattr(record, "request", None)
        if not isinstance(request, HttpRequest) or not record.name.startswith("django."):
            return True
        notes = getattr(request, "log_notes", None)
        if notes is None:  # it never came to our middleware: nobody else would say it
            return True
        if notes is LOGGED:  # it has its line; an error that came after that has none
            return record.exc_info is not None
        notes.append(record)
        return False


def _is_request_line(record: logging.LogRecord) -> bool:
    return isinstance(record.args, tuple) and len(record.args) == PARTS_OF_A_REQUEST_LINE


class HoldBackRepeats(logging.Filter):
    """Lets one of many equal failures through a minute, and says how many there were."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is logged; a traceback of Redis becomes a sentence."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None or getattr(record, "is_request_line", False):
            return True
        away = is_redis_away(error)
        cause = f"{type(error).__name__}: {str(error)[:LONGEST_CAUSE]}"
        key = REDIS if away else (record.name, str(record.msg), cause)
        held_back = limits.take(key)
        if held_back is None:
            return False
        words = held_back_words(held_back)
        if away:
            record.msg, record.args = "Redis is not responding: %s%s", (cause, words)
            record.exc_info = record.exc_text = None
        elif words:
            record.msg, record.args = "%s%s", (record.getMessage(), words)
        return True


def is_redis_away(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, is a Redis server that cannot be used."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        # By name: without Redis its package is not loaded, and is not to be for this.
        for parent in type(error).__mro__:
            is_theirs = parent.__module__.startswith(("redis.", "django_redis."))
            if is_theirs and parent.__name__ in {"RedisError", "ConnectionInterrupted"}:
                return True
        error = error.__cause__ or error.__context__
    return False
