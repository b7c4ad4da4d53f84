"""Sentry's address of a project, taken apart.

Source: https://develop.sentry.dev/sdk/overview/#parsing-the-dsn. What is none was refused by
`autoforge.environment`.
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

__all__ = ["Dsn", "read_dsn"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Dsn:
    """Where errors go."""

    url: str
    """Of the endpoint that takes envelopes."""
    public_key: str = field(repr=False)
    """By which the server knows the project."""


def read_dsn(text: str) -> Dsn:
    """Return the parts of `scheme://key@host[:port][/path]/project`."""
    parts = urlsplit(text)
    path, _, project = parts.path.rpartition("/")
    host = parts.netloc.rpartition("@")[2]
    return Dsn(
        url=f"{parts.scheme}://{host}{path}/api/{project}/envelope/",
        public_key=parts.username or "",
    )
