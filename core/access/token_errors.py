"""Why a Bearer token is not accepted.

    ApplicationError
    ├── TokenRefused            the token is no good: get another one (401)
    ├── TokenCannotBeChecked    Clerk's keys cannot be read now: try again later (503)
    └── TokensNotConfigured     this installation lacks a setting: its owner must act

No message holds the token or a part of it: messages go into logs and answers.
"""

from core.errors import ApplicationError

__all__ = ["TokenCannotBeChecked", "TokenRefused", "TokensNotConfigured"]


class TokenRefused(ApplicationError):
    """The token is not accepted; the same token never will be."""


class TokenCannotBeChecked(ApplicationError):
    """Nobody can tell now whether the token is good; the same token may be accepted later."""


class TokensNotConfigured(ApplicationError):
    """A setting is missing or wrong, so that no token can be issued or checked."""
