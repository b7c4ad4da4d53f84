"""What is counted as it happens: calls of models, errors, the cache, webhooks, tasks."""

import logging
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache

from autoforge.cache import RedisCache
from autoforge.cache_counts import CountedMemoryCache, set_listener
from autoforge.metrics import recording
from autoforge.metrics.definitions import Names
from autoforge.metrics.recording import CallCounter, ErrorCounter
from evaluations.engine.types import Answer
from evaluations.observing import ObservedCall, ObservedRun, PlaceInRun
from tests.support.counted import Change

PLACE = PlaceInRun(
    run_id=uuid4(), run_name="r", column="c", case="k", repeat=0,
    grading_calls=2, grading_cost_usd=Decimal("0.25"),
)  # fmt: skip


def test_a_call_is_counted_with_tokens_and_cost(monkeypatch):
    monkeypatch.setattr(recording, "models", Names(10))
    change = Change()
    answer = Answer(text="yes", input_tokens=12, output_tokens=3)
    common = {"provider": "openai", "model": "m", "asked_at": 100.0, "answered_at": 102.0}
    counter = CallCounter()
    counter.call_finished(
        ObservedCall(**common, answer=answer, cost_usd=Decimal("0.5"), place=PLACE)
    )
    counter.call_finished(ObservedCall(**common, answer=Answer(text=""), cost_usd=None))
    counter.call_finished(ObservedCall(**common, error="refused"))
    counter.run_finished(
        ObservedRun(
            run_id=uuid4(), name="r", status="failed", message="", started_at=1, finished_at=2
        )
    )
    assert change["model_calls_total", "openai", "m", "answered"] == 2
    assert change["model_calls_total", "openai", "m", "error"] == 1
    assert change["model_call_duration_seconds_sum", "openai", "m"] == 6
    assert change["model_tokens_total", "openai", "m", "input"] == 12
    assert change["model_tokens_total", "openai", "m", "output"] == 3
    assert change["model_cost_usd_total", "openai", "m"] == 0.5
    assert (change["grading_calls_total",], change["grading_cost_usd_total",]) == (2, 0.25)


def test_models_that_callers_make_up_become_other(monkeypatch):
    monkeypatch.setattr(recording, "models", Names(3))
    change = Change()
    for number in range(50):
        CallCounter().call_finished(
            ObservedCall(provider="p", model=f"made-up-{number}", asked_at=1, answered_at=1)
        )
    assert change["model_calls_total", "p", "made-up-2", "error"] == 1
    assert change["model_calls_total", "p", "made-up-3", "error"] == 0
    assert change["model_calls_total", "other", "other", "error"] == 47


def test_a_clock_that_is_set_back_makes_no_negative_time(monkeypatch):
    monkeypatch.setattr(recording, "models", Names(3))
    change = Change()
    CallCounter().call_finished(ObservedCall(provider="p", model="b", asked_at=9, answered_at=1))
    assert change["model_call_duration_seconds_sum", "p", "b"] == 0


def test_errors_are_counted_once_by_their_kind(monkeypatch):
    monkeypatch.setattr(recording, "errors", Names(10))
    change = Change()
    logger = logging.getLogger("autoforge.tests.errors")
    logger.propagate = False
    handler = ErrorCounter()
    logger.addHandler(handler)
    try:
        logger.warning("no error")
        logger.error("The database cannot be used")
        logger.error("A task failed", exc_info=ZeroDivisionError())
        logger.error("request_finished", extra={"is_request_line": True})
    finally:
        logger.removeHandler(handler)
    assert change["errors_total", "autoforge.tests.errors"] == 1
    assert change["errors_total", "ZeroDivisionError"] == 1


def test_what_django_says_of_a_request_is_counted_with_the_line_of_the_request(monkeypatch):
    monkeypatch.setattr(recording, "errors", Names(10))
    change = Change()
    record = logging.makeLogRecord({"name": "django.request", "levelno": logging.ERROR})
    ErrorCounter().emit(record)
    assert change["errors_total", "django.request"] == 0


def ask(cache: BaseCache) -> None:
    cache.set("a", 1)
    assert cache.get("a") == 1
    assert cache.get("b") is None
    assert cache.get("b", "x") == "x"
    cache.set("none", None)
    assert cache.get("none", "x") is None
    assert cache.get_many(iter(["a", "b", "c"])) == {"a": 1}


@pytest.fixture
def told():
    counts = {"hit": 0, "miss": 0, "error": 0}

    def listen(outcome, count):
        counts[outcome] += count

    set_listener(listen)
    yield counts
    set_listener(recording._count_cache)


def test_the_cache_in_memory_tells_hits_and_misses(told):
    cache = CountedMemoryCache("metrics-test", {})
    ask(cache)
    assert told == {"hit": 3, "miss": 4, "error": 0}
    cache.clear()


def test_redis_tells_hits_misses_and_errors(told, redis_server):
    cache = RedisCache(redis_server.url, {})
    ask(cache)
    assert told == {"hit": 3, "miss": 4, "error": 0}
    redis_server.kill()
    assert cache.get("a", "x") == "x"
    assert cache.get_many(["a", "b"]) == {}
    assert told == {"hit": 3, "miss": 4, "error": 3}


def test_the_cache_of_the_site_is_counted():
    recording.install()
    change = Change()
    caches["default"].get("no-such-key")
    assert change["cache_operations_total", "miss"] == 1


class Task:
    """A task as huey hands it to a signal."""

    def __init__(self, name: str) -> None:
        self.name = name


def test_periodic_tasks_are_counted_and_the_shell_of_enqueued_ones_is_not():
    change = Change()
    recording._count_periodic("complete", Task("evaluations.tasks.resume_runs"))
    recording._count_periodic("error", Task("evaluations.tasks.resume_runs"))
    recording._count_periodic("complete", Task("djtasks.run"))
    assert change["tasks_total", "evaluations.tasks.resume_runs", "complete"] == 1
    assert change["tasks_total", "evaluations.tasks.resume_runs", "error"] == 1
    assert change["tasks_total", "djtasks.run", "complete"] == 0
