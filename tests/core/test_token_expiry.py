"""Until when the token is good, also after another one took its place."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from core.token_expiry import read_token_expiry
from django_hrana.driver import FileToken


def make(days: float | None, **claims: object) -> str:
    if days is not None:
        claims["exp"] = (datetime.now(UTC) + timedelta(days=days)).timestamp()
    return jwt.encode(claims, "k" * 32)


@pytest.mark.parametrize(
    ("days", "is_soon", "has_expired"),
    [
        (None, False, False),
        (90, False, False),
        (14.01, False, False),
        (13.99, True, False),
        (-0.01, True, True),
    ],
)
def test_how_long_it_is_good(days, is_soon, has_expired):
    token = read_token_expiry({"OPTIONS": {"auth_token": make(days)}})
    assert (token.is_soon, token.has_expired) == (is_soon, has_expired)
    assert (token.left is None) == (days is None)
    assert not token.is_read_only


def test_what_needs_no_token():
    assert read_token_expiry({}) is None
    assert read_token_expiry({"OPTIONS": {"auth_token": ""}}) is None
    assert read_token_expiry() is None  # of the settings: SQLite, or a server without a key


def test_rights_are_read():
    assert read_token_expiry({"OPTIONS": {"auth_token": make(1, a="ro")}}).is_read_only


def test_after_a_rotation_it_is_the_new_one(tmp_path):
    path = tmp_path / "token"
    path.write_text(make(3))
    source = FileToken(path.read_text, [path], first=path.read_text(), look_seconds=0)
    database = {"OPTIONS": {"auth_token": source}}
    assert read_token_expiry(database).is_soon
    path.write_text(make(90, renewed=True))
    assert not read_token_expiry(database).is_soon
