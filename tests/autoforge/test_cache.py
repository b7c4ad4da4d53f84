"""The cache while Redis lives, dies and comes back: a real server, killed."""

import logging
import time

import pytest
from django.core.cache.backends.base import BaseCache

from autoforge import cache as cache_module
from autoforge.cache import RedisCache, server_name
from autoforge.logging.limits import limits


def make(url: str, prefix: str = "autoforge:test") -> BaseCache:
    options = {"SOCKET_CONNECT_TIMEOUT": 0.5, "SOCKET_TIMEOUT": 0.5}
    return RedisCache(url, {"KEY_PREFIX": prefix, "TIMEOUT": 60, "OPTIONS": options})


@pytest.fixture
def cache(redis_server) -> BaseCache:
    limits.forget()  # what another test has said already would be held back for a minute
    return make(redis_server.url)


def test_everything_works_while_redis_lives(cache):
    assert cache.set("a", 1)
    assert cache.add("a", 2) is False
    assert cache.get("a") == 1
    assert cache.incr("a") == 2
    assert cache.decr("a") == 1
    assert cache.set_many({"b": "日本語"}) == []
    assert cache.get_many(["a", "b"]) == {"a": 1, "b": "日本語"}
    assert cache.has_key("a")
    assert cache.touch("a", 60)
    assert cache.delete("a") is True
    assert cache.delete_many(["b"]) == 1
    assert cache.get("a", "none") == "none"
    with pytest.raises(ValueError, match="a"):
        cache.incr("a")


def test_values_expire(cache):
    cache.set("a", 1, timeout=0.05)
    time.sleep(0.1)
    assert cache.get("a") is None


def test_clear_removes_our_keys_alone(cache, redis_server):
    other = make(redis_server.url, "other:test")
    cache.set("a", 1)
    other.set("a", 2)
    assert cache.clear()
    assert (cache.get("a"), other.get("a")) == (None, 2)


def test_a_dead_redis_is_an_empty_cache_and_one_line(cache, redis_server, caplog):
    cache.set("a", 1)
    redis_server.kill()
    with caplog.at_level(logging.WARNING):
        started = time.monotonic()
        for _ in range(50):
            assert cache.get("a", "default") == "default"
            assert cache.get_many(["a"]) == {}
            assert cache.set("a", 1) is False
            assert cache.add("a", 1) is False
            assert cache.set_many({"a": 1}) == ["a"]
            assert cache.touch("a") is False
            assert cache.delete("a") is False
            assert cache.delete_many(["a"]) == 0
            assert not cache.has_key("a")
            assert cache.clear() is False
        with pytest.raises(ValueError, match="a"):
            cache.incr("a")
        assert time.monotonic() - started < 10
    ours = [record for record in caplog.records if record.name == "autoforge.cache"]
    assert len(ours) == 1
    assert f"127.0.0.1:{redis_server.port}" in ours[0].getMessage()


def test_it_heals_by_itself(cache, redis_server, monkeypatch):
    monkeypatch.setattr(cache_module, "REST_SECONDS", 0.05)
    redis_server.kill()
    assert cache.get("a") is None
    redis_server.start()
    time.sleep(0.1)
    assert cache.set("a", 1)
    assert cache.get("a") == 1


def test_a_restart_between_two_calls_is_not_noticed(cache, redis_server):
    cache.set("a", 1)
    redis_server.restart()
    assert cache.set("a", 2)
    assert cache.get("a") == 2


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://:hush@r:1/0", "r:1/0"),
        ("redis://r/0", "r/0"),
        ("rediss://user:hush@r/0", "r/0"),
    ],
)
def test_the_servers_name_has_no_password(url, name):
    assert server_name(url) == name
