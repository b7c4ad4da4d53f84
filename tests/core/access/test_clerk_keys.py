"""The keys of Clerk: how often they are read, and what happens while Clerk is away or strange.

Each row of the table is a story: steps in a world, then a token, its answer, and how often Clerk
was asked in all.
"""

import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor, wait
from errno import ECONNREFUSED

import pytest

from core.access.clerk_keys import ClerkKeys
from core.access.token_errors import TokenCannotBeChecked
from tests.support.fake_clerk import World, make_claims, public_jwk, sign

GOOD = "accepted"
UNKNOWN = "token.unknown-key"
AWAY = "token.no-keys"
HOUR = 3600


def key_set(*entries: object) -> bytes:
    return json.dumps({"keys": entries}).encode()


def padded(size: int) -> bytes:
    """Return a good key set of this many bytes."""
    return key_set(public_jwk("first")).ljust(size)


def ask(world: World, answer: str, key_id: str = "ins_first") -> None:
    """Show a token that was signed with the key of this id."""
    assert world.answer(sign(make_claims(), header={"kid": key_id})) == answer


def pass_time(world: World, seconds: float) -> None:
    world.uptime.now += seconds


def be_slow(world: World) -> None:
    world.clerk.go_on.clear()
    world.lose_patience()


def change_answer(world: World, status: int, body: bytes | None) -> None:
    world.clerk.status = status
    world.clerk.body = body


STEPS = {
    "read": lambda world: ask(world, GOOD),
    "fail": lambda world: ask(world, AWAY),
    "unknown": lambda world, answer: ask(world, answer, "ins_x"),
    "later": pass_time,
    "slow": be_slow,
    "rotate": lambda world, *names: world.clerk.rotate(*names),
    "answer": change_answer,
    "stop": lambda world: world.clerk.stop(),
    "start": lambda world: world.clerk.start(),
}
READ = ("read",)
STOP = ("stop",)
START = ("start",)


def story(name: str, *steps: tuple, key: str = "first", answer: str, requests: int):
    """A row: what happens, which key signs the token after it, and what becomes of it."""
    return pytest.param(steps, key, answer, requests, id=name)


STORIES = [
    # Kept for an hour
    story("the first token", answer=GOOD, requests=1),
    story("known", READ, ("later", HOUR - 1), answer=GOOD, requests=1),
    story("known, Clerk is away", READ, STOP, ("later", HOUR - 1), answer=GOOD, requests=1),
    story("after an hour", READ, ("later", HOUR), answer=GOOD, requests=2),
    # Rotated
    story(
        "rotated in",
        READ,
        ("rotate", "first", "second"),
        ("later", 30),
        key="second",
        answer=GOOD,
        requests=2,
    ),
    story(
        "rotated in just now",
        READ,
        ("rotate", "second"),
        ("later", 29),
        key="second",
        answer=UNKNOWN,
        requests=1,
    ),
    story(
        "rotated out, not seen yet",
        READ,
        ("rotate", "second"),
        ("later", HOUR - 1),
        answer=GOOD,
        requests=1,
    ),
    story("rotated out", READ, ("rotate", "second"), ("later", HOUR), answer=UNKNOWN, requests=2),
    story(
        "rotated out, another token brought the new keys",
        READ,
        ("rotate", "second"),
        ("later", 30),
        ("unknown", UNKNOWN),
        answer=UNKNOWN,
        requests=2,
    ),
    story(
        "many invented ids make one request",
        READ,
        ("later", 30),
        *[("unknown", UNKNOWN)] * 20,
        answer=GOOD,
        requests=2,
    ),
    # Away
    story("away from the start", STOP, answer=AWAY, requests=0),
    story("away, then back at once", STOP, ("fail",), START, answer=AWAY, requests=0),
    story("away, then back", STOP, ("fail",), START, ("later", 5), answer=GOOD, requests=1),
    story("away, stale keys", READ, STOP, ("later", 24 * HOUR - 1), answer=GOOD, requests=1),
    story("away for a day", READ, STOP, ("later", 24 * HOUR), answer=AWAY, requests=1),
    story("back after a day", READ, ("later", 24 * HOUR), answer=GOOD, requests=2),
    story(
        "away, unknown id: it may be new",
        READ,
        STOP,
        ("later", 30),
        key="second",
        answer=AWAY,
        requests=1,
    ),
    story(
        "away, unknown ids do not harm the known",
        READ,
        STOP,
        ("later", 30),
        ("unknown", AWAY),
        ("unknown", AWAY),
        answer=GOOD,
        requests=1,
    ),
    story(
        "back, unknown id is unknown",
        READ,
        STOP,
        ("later", 30),
        ("unknown", AWAY),
        START,
        ("later", 5),
        key="second",
        answer=UNKNOWN,
        requests=2,
    ),
    # Slow
    story("slow from the start", ("slow",), answer=AWAY, requests=1),
    story("slow, stale keys", READ, ("slow",), ("later", HOUR), answer=GOOD, requests=2),
    # Strange
    story("status 500", ("answer", 500, None), answer=AWAY, requests=1),
    story("status 429", ("answer", 429, b"{}"), answer=AWAY, requests=1),
    story("status 404", ("answer", 404, b"not found"), answer=AWAY, requests=1),
    story("a page", ("answer", 200, b"<html>"), answer=AWAY, requests=1),
    story("nothing", ("answer", 200, b""), answer=AWAY, requests=1),
    story("not UTF-8", ("answer", 200, b'{"keys": ["\xff"]}'), answer=AWAY, requests=1),
    story("a list", ("answer", 200, b"[]"), answer=AWAY, requests=1),
    story("deep", ("answer", 200, b'{"keys":' + b"[" * 100_000), answer=AWAY, requests=1),
    story("as large as can be", ("answer", 200, padded(256 * 1024)), answer=GOOD, requests=1),
    story("too large by one", ("answer", 200, padded(256 * 1024 + 1)), answer=AWAY, requests=1),
    story("no keys", ("answer", 200, b'{"keys": []}'), answer=AWAY, requests=1),
    story("keys are null", ("answer", 200, b'{"keys": null}'), answer=AWAY, requests=1),
    story("too large", ("answer", 200, b" " * 300_000), answer=AWAY, requests=1),
    story(
        "nonsense, stale keys",
        READ,
        ("answer", 200, b"<html>"),
        ("later", HOUR),
        answer=GOOD,
        requests=2,
    ),
    story(
        "no keys any more, stale keys",
        READ,
        ("answer", 200, b'{"keys": []}'),
        ("later", HOUR),
        answer=GOOD,
        requests=2,
    ),
]


@pytest.mark.parametrize(("steps", "key", "answer", "requests"), STORIES)
def test_stories(world, steps, key, answer, requests):
    for name, *values in steps:
        STEPS[name](world, *values)
    assert world.answer(sign(make_claims(), key=key)) == answer
    assert world.clerk.requests == requests


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (public_jwk("short", 1024), "it has only 1024 bits"),
        (public_jwk("first", use="enc"), "it is not a public RSA key for signatures by RS256"),
        (public_jwk("first", kty="EC"), "it is not a public RSA key for signatures by RS256"),
        (public_jwk("first", alg="RS512"), "it is not a public RSA key for signatures by RS256"),
        (public_jwk("first", d="AQAB"), "it is not a public RSA key for signatures by RS256"),
        (public_jwk("first", use=None), "it lacks a field of a public RSA key for signatures"),
        (public_jwk("first", kid=None), "it lacks a field of a public RSA key for signatures"),
        (public_jwk("first", kid=7), "it lacks a field of a public RSA key for signatures"),
        (public_jwk("first", n=None), "it lacks a field of a public RSA key for signatures"),
        ("a word", "it lacks a field of a public RSA key for signatures"),
        (None, "it lacks a field of a public RSA key for signatures"),
        (public_jwk("first", n="%%%"), "its numbers are not those of an RSA key"),
        (public_jwk("first", n=""), "its numbers are not those of an RSA key"),
        (public_jwk("first", e="AA"), "its numbers are not those of an RSA key"),
    ],
)
def test_a_key_that_cannot_be_used_spoils_no_other(world, caplog, entry, reason):
    world.clerk.body = key_set(entry, public_jwk("second"))
    assert world.answer(sign(make_claims())) == UNKNOWN
    assert world.answer(sign(make_claims(), key="second")) == GOOD
    assert caplog.messages == [f"Key 1 of Clerk is not used: {reason}."]


def test_a_key_without_an_algorithm_is_for_this_one(world):
    world.clerk.body = key_set(public_jwk("first", alg=None))
    assert world.answer(sign(make_claims())) == GOOD


def test_a_redirect_is_not_followed(world):
    elsewhere = World()
    try:
        world.clerk.status = 302
        world.clerk.headers = {"Location": elsewhere.clerk.url}
        assert world.answer(sign(make_claims())) == AWAY
        assert elsewhere.clerk.requests == 0
    finally:
        elsewhere.clerk.stop()


def test_an_answer_that_drips_is_given_up(world, caplog):
    world.clerk.pause_seconds = 0.1
    world.lose_patience()
    assert world.answer(sign(make_claims())) == AWAY
    url = world.clerk.url
    assert caplog.messages == [
        f"Clerk's keys cannot be read from {url}: the answer takes too long."
    ]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (503, None, "the answer has the status 503"),
        (200, b"<html>", "the answer is not a JSON document with a list of keys"),
        (200, b'{"keys": []}', "the answer holds no key that can be used"),
        (200, padded(300_000), "the answer is larger than 262144 bytes"),
    ],
)
def test_the_log_says_why_the_keys_cannot_be_read(world, caplog, status, body, reason):
    change_answer(world, status, body)
    ask(world, AWAY)
    sentence = f"Clerk's keys cannot be read from {world.clerk.url}: {reason}."
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, sentence)
    ]


def test_the_log_says_that_nobody_answers(world, caplog):
    world.clerk.stop()
    ask(world, AWAY)
    assert caplog.messages[0] == (
        f"Clerk's keys cannot be read from {world.clerk.url}: "
        f"there is no answer ({OSError(ECONNREFUSED, os.strerror(ECONNREFUSED))})."
    )


def test_threads_wait_for_one_reading(world):
    world.clerk.go_on.clear()
    token = sign(make_claims())
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(world.answer, token) for _ in range(8)]
        assert world.clerk.asked.wait(30)
        world.clerk.go_on.set()
        assert [answer.result(30) for answer in answers] == [GOOD] * 8
    assert world.clerk.requests == 1


def test_nobody_with_a_key_at_hand_waits_for_a_reading(world):
    assert world.keys.find("ins_first") is not None
    world.uptime.now += HOUR
    world.clerk.asked.clear()
    world.clerk.go_on.clear()
    with ThreadPoolExecutor(2) as pool:
        reader = pool.submit(world.keys.find, "ins_first")
        try:
            assert world.clerk.asked.wait(30)
            other = pool.submit(world.keys.find, "ins_first")
            assert other.result(30) is not None
            assert not reader.done()
        finally:
            world.clerk.go_on.set()
        assert reader.result(30) is not None
    assert world.clerk.requests == 2


def test_an_unknown_id_waits_for_the_thread_that_reads(world):
    token = sign(make_claims(), key="second")
    ask(world, GOOD)
    world.clerk.rotate("first", "second")
    world.uptime.now += 30
    world.clerk.asked.clear()
    world.clerk.go_on.clear()
    with ThreadPoolExecutor(2) as pool:
        reader = pool.submit(world.answer, token)
        try:
            assert world.clerk.asked.wait(30)
            other = pool.submit(world.answer, token)
            assert wait([other], timeout=0.2).not_done == {other}
        finally:
            world.clerk.go_on.set()
        assert (reader.result(30), other.result(30)) == (GOOD, GOOD)
    assert world.clerk.requests == 2


def test_an_unknown_id_is_not_refused_while_another_thread_reads(world):
    """It may be among the keys that are on their way."""
    assert world.answer(sign(make_claims())) == GOOD
    world.lose_patience()
    with world.keys._lock:
        world.uptime.now += 30
        with pytest.raises(TokenCannotBeChecked):
            world.keys.find("ins_second")


@pytest.mark.parametrize(
    "url",
    [
        "http://clerk.example.com/.well-known/jwks.json",
        "http://127.0.0.1/.well-known/jwks.json",
        "file:///etc/passwd",
        "ftp://clerk.example.com/",
        "clerk.example.com",
    ],
)
def test_keys_are_read_by_https(url):
    with pytest.raises(ValueError, match=r"^Clerk's keys are read by https, not from "):
        ClerkKeys(url)


def test_loopback_is_for_this_machine_alone():
    with pytest.raises(ValueError, match=r"^Clerk's keys are read by https, not from "):
        ClerkKeys("http://clerk.example.com/", allow_loopback_http=True)
    assert ClerkKeys("https://clerk.example.com/").url == "https://clerk.example.com/"
