"""Access tokens for machines: a key is exchanged for a token that expires soon."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from django.http import HttpResponse
from django.utils import timezone
from msgspec import Struct

from core.access import tokens
from core.api.controllers import BaseController, operation
from core.api.problems import ForbiddenError

__all__ = ["Tokens"]


SCHEME: Final = "Bearer"


class TokenRead(Struct, kw_only=True):
    """An access token, as OAuth 2.0 (RFC 6749, section 5.1) writes one."""

    access_token: str
    token_type: str
    """`Bearer`."""
    expires_in: int
    """Seconds."""
    scope: str
    """The role of the key."""


class Tokens(BaseController):
    """Access tokens."""

    @operation(TokenRead, permission="", status=HTTPStatus.CREATED)
    def post(self) -> HttpResponse:
        """Exchange an API key for an access token.

        It may do what the key may, and no longer than the key.
        """
        caller = self.caller
        if caller.kind != "key" or caller.key_id is None:
            raise ForbiddenError("access.only-keys")
        latest = None
        if caller.expires is not None:
            latest = datetime.fromtimestamp(caller.expires, UTC)
        token, expires_at = tokens.issue(str(caller.key_id), caller.role, latest=latest)
        seconds = int((expires_at - timezone.now()).total_seconds())
        body = TokenRead(
            access_token=token, token_type=SCHEME, expires_in=seconds, scope=caller.role
        )
        answer = self.to_response(body, status_code=HTTPStatus.CREATED)
        answer.headers["Cache-Control"] = "no-store"
        return answer
