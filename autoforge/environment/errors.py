"""The one error of the environment, and how a value may be shown in it."""

import re

from environ.compat import ImproperlyConfigured

__all__ = ["ConfigurationError", "mask", "quote_url", "quote_value"]

LONGEST_SHOWN = 80  # characters; a whole file pasted into a variable is not repeated


class ConfigurationError(ImproperlyConfigured):  # type: ignore[misc]  # environ has no types
    """The environment is not what it must be; `str()` is one sentence for the user."""

    def __init__(self, sentence: str, *names: str) -> None:
        super().__init__(sentence)
        self.names = names
        """The variables it is about, the one to change first; none if it is about a file."""


def mask(value: str) -> str:
    """Return what may be said of a secret: that it is there, and how long it is."""
    return f"**** ({len(value)} characters)"


def quote_url(value: str) -> str:
    """Return `value` in quotes, without credentials, query and fragment."""
    bare = re.split(r"[?#]", value, maxsplit=1)[0]
    scheme, separator, rest = bare.rpartition("://")
    host = rest.rpartition("@")[2]
    return quote_value(f"{scheme}{separator}{host}")


def quote_value(value: str) -> str:
    """Return `value` in quotes on one line, cut after 80 characters."""
    text = repr(value)
    if len(text) > LONGEST_SHOWN:
        return f"{text[:LONGEST_SHOWN]}…'"
    return text
