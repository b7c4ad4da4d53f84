"""Who is calling."""

from django.http import HttpResponse
from msgspec import Struct

from core.api.controllers import BaseController, operation

__all__ = ["Me"]


class MeRead(Struct, kw_only=True):
    """The caller."""

    kind: str
    """`key`, `person` or `token`."""
    name: str
    role: str
    permissions: list[str]
    """What the caller may, such as `prompts.move_label`."""
    requests_per_minute: int
    """0 means no limit."""


class Me(BaseController):
    """The caller."""

    @operation(MeRead, permission="")
    def get(self) -> HttpResponse:
        """Say who is calling, and what they may."""
        caller = self.caller
        return self.to_response(
            MeRead(
                kind=caller.kind,
                name=caller.name,
                role=caller.role,
                permissions=sorted(caller.permissions),
                requests_per_minute=caller.requests_per_minute,
            )
        )
