"""Who calls: an API key, a person, or a program with an access token."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

__all__ = ["Caller"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Somebody who has proved who they are, and what they may.

    It acts under its own name: what it does is recorded as done by it, and no permission comes from
    anywhere but its role.
    """

    kind: Literal["key", "person", "token"]
    """An API key, a person's session token, or an access token that a key has asked for."""
    identity: str
    """Unique among all callers: `key:<UUID>` or `user:<subject>`; limits are counted by it."""
    name: str
    """What is recorded with everything that it does."""
    role: str
    """One of `core.roles.ROLES`, or empty."""
    permissions: frozenset[str]
    """Permissions, such as `prompts.move_label`."""
    requests_per_minute: int = 0
    """How many requests it may send; 0 means any number."""
    usd_per_day: Decimal | None = None
    """Most that its model calls may cost in a day; None means no limit."""
    key_id: UUID | None = None
    """The API key, of keys and of access tokens."""
    expires: float | None = None
    """When the key expires, in seconds since 1970."""

    def may(self, permission: str) -> bool:
        """Whether it has a permission, such as `prompts.move_label`."""
        return permission in self.permissions
