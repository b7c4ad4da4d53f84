"""Tokens of a database: made, tried before the old one goes, and written where that one was.

Turso cannot revoke one token. So there are two ways, and both begin with what cannot harm:

| | `rotate_token` | `revoke_tokens` |
|---|---|---|
| what | mint, try, write | invalidate all, mint, try, write |
| the old token | runs out by itself | is dead at once, and so is every other one |
| an outage | none | until the new one is written: a second or two |
| fails before writing | nothing has changed | the sentence says that all tokens are dead |

Processes that read the token from a file take the new one by themselves; one that is refused in
between waits for it (`django_hrana.driver.FileToken`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from autoforge.logging.secrets import add_secret
from autoforge.operations.turso.api import Database, PlatformAPI
from autoforge.operations.turso.destinations import Destination
from autoforge.operations.turso.errors import TursoError, TursoUnavailable
from autoforge.operations.turso.names import check_expiration
from autoforge.operations.turso.trial import build_url, try_token, wait_for_token
from core.jwt_claims import expiry, is_read_only

__all__ = [
    "NewToken",
    "TokenRequest",
    "create_token",
    "describe_token",
    "mint_token",
    "revoke_tokens",
    "rotate_token",
]

# After all tokens were invalidated: the new one is written in any case, since the old one is dead.
TRIAL_SECONDS: Final = 3.0
PAUSE_SECONDS: Final = 1.0
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRequest:
    """The token that somebody wants."""

    expiration: str = "90d"
    """How long it lives, such as `90d` or `2w1d`, or `never`."""
    is_read_only: bool = False
    """Whether it may only read."""
    destination: Destination | None = None
    """Where it is written; None: nowhere."""

    def check(self) -> None:
        """Refuse what could not be done later, before anything is done that stays.

        Raises:
            TursoInputError: the lifetime is none, or the file cannot be written.
        """
        check_expiration(self.expiration)
        if self.destination is not None:
            self.destination.check()


@dataclass(frozen=True, kw_only=True, slots=True)
class NewToken:
    """A token that was tried; its `repr` shows nothing of it."""

    text: str
    """The token."""
    ends: datetime | None
    """When it expires, in UTC; None: never."""
    is_read_only: bool
    """Whether it may only read."""
    destination: Destination | None
    """Where it was written; None: nowhere."""
    failure: str = ""
    """Why it could not be tried, after a revocation; empty: it works."""

    def __repr__(self) -> str:
        """Return when it ends; never the token."""
        return f"<NewToken until {self.ends}>"


def mint_token(api: PlatformAPI, database: str, request: TokenRequest) -> str:
    """Return a new token, which no log shows from now on; it is not written anywhere."""
    token = api.create_token(
        database, expiration=request.expiration, is_read_only=request.is_read_only
    )
    add_secret(token)
    return token


def describe_token(
    text: str, *, destination: Destination | None = None, failure: str = ""
) -> NewToken:
    """Return what a token says of itself, with where it was written."""
    return NewToken(
        text=text,
        ends=expiry(text),
        is_read_only=is_read_only(text),
        destination=destination,
        failure=failure,
    )


def create_token(api: PlatformAPI, database: Database, request: TokenRequest) -> NewToken:
    """Make a token, try it against its database, and write it down; the old one stays good.

    Args:
        api: for whom.
        database: the one that it opens.
        request: what token, and where it goes.

    Raises:
        TursoError: Turso refused, or the token does not work; nothing has changed.
    """
    request.check()
    url = build_url(database.hostname)
    text = mint_token(api, database.name, request)
    try:
        try_token(url, text, is_read_only=request.is_read_only)
    except TursoError as error:
        raise TursoError(f"{error} Nothing has changed: the old token is in use.") from error
    if request.destination is not None:
        request.destination.write(text, url)
    return describe_token(text, destination=request.destination)


def rotate_token(api: PlatformAPI, database: Database, request: TokenRequest) -> NewToken:
    """Make a token, try it, and write it where the old one is, which runs out by itself.

    Arguments and errors as of `create_token`; nothing but the token is written.
    """
    request.check()
    new = create_token(api, database, replace(request, destination=None))
    return _write(new, database, request.destination)


def revoke_tokens(
    api: PlatformAPI, database: Database, request: TokenRequest, *, say: Say = print
) -> NewToken:
    """Invalidate every token of a database, make a new one, try it and write it down.

    Arguments as of `create_token`; `say` is told when the tokens are revoked, in a sentence.

    Raises:
        TursoUnavailable: Turso did not answer; the sentence says what is known.
        TursoError: Turso refused; the sentence says whether the old tokens are dead.
    """
    request.check()
    url = build_url(database.hostname)
    _revoke(api, database.name)
    say(f"Every token of {database.name} is revoked.")
    try:
        text = mint_token(api, database.name, request)
    except TursoError as error:
        failure = type(error)(
            f"All tokens of {database.name} are revoked, and there is no new one: {error} Run "
            f"`manage.py turso token create {database.name}` as soon as that is mended."
        )
        raise failure from error
    failure_text = ""
    try:
        wait_for_token(url, text, is_read_only=request.is_read_only, seconds=TRIAL_SECONDS)
    except TursoError as error:
        failure_text = str(error)
    try:
        return _write(describe_token(text, failure=failure_text), database, request.destination)
    except TursoError as error:
        raise TursoError(
            f"All tokens of {database.name} are revoked, and the new one is nowhere: {error} Mend "
            f"that, and run `manage.py turso token create {database.name} --write-to FILE` at once."
        ) from error


def _revoke(api: PlatformAPI, name: str) -> None:
    """Invalidate every token; where there is no answer, once more: that does no further harm.

    Raises:
        TursoUnavailable: nothing was revoked, or nobody knows whether it was.
        TursoError: Turso refused; nothing was revoked.
    """
    try:
        api.revoke_tokens(name)
    except TursoUnavailable as error:
        if not error.was_sent:
            raise TursoUnavailable(f"{error} Nothing was revoked.", was_sent=False) from error
        time.sleep(PAUSE_SECONDS)
        try:
            api.revoke_tokens(name)
        except TursoError as second:
            raise TursoUnavailable(
                f"Whether the tokens of {name} are revoked is not known: {error} Asked again: "
                f"{second} No new token was made; run this command again."
            ) from second


def _write(new: NewToken, database: Database, destination: Destination | None) -> NewToken:
    if destination is None:
        return new
    destination.write_token(new.text, build_url(database.hostname))
    return replace(new, destination=destination)
