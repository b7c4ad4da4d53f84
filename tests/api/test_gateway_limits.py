"""What calls of the gateway cost, and where a key's limit for the day stops them."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection

from core.api.streams import watchers
from evaluations.api.openai import calls
from evaluations.models import KeySpending
from evaluations.services import profiles
from tests.api.gateway import ASK, OpenAI, make_prompt
from tests.support.fake_models import Step

pytestmark = pytest.mark.django_db
COST = Decimal("0.000012")  # 10 tokens at 0.40 and 5 at 1.60 dollars for a million
FEW = {"provider": "openai", "model": "gpt-4.1-mini", "max_tokens": 5}


def spent(client: OpenAI) -> Decimal:
    row = KeySpending.objects.get(caller=f"key:{client.key.pk}")
    return Decimal(row.nano_usd) / 10**9


@pytest.mark.parametrize("is_stream", [False, True])
def test_calls_are_counted_with_and_without_a_limit(models, prompt, is_stream):
    for limit in (None, Decimal(1)):
        client = OpenAI("Editor", usd_per_day=limit)
        answer = client.send(ASK | {"stream": is_stream})
        assert answer.status_code == 200
        b"".join(answer)
        assert spent(client) == COST
        row = KeySpending.objects.get(caller=f"key:{client.key.pk}")
        assert row.calls == 1
        client.key.delete()


def test_a_spent_limit_refuses_with_a_sentence(models, prompt):
    client = OpenAI("Editor", usd_per_day=Decimal("0.01"))
    assert client.send(ASK).status_code == 200
    KeySpending.objects.update(nano_usd=10_000_000)
    answer = client.send(ASK)
    error = answer.json()["error"]
    assert answer.status_code == 429
    assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
    assert error["message"] == (
        "this key may spend 0.01 US dollars a day, which are used up; calls are accepted again "
        "tomorrow (UTC)"
    )
    assert 1 <= int(answer.headers["Retry-After"]) <= 24 * 60 * 60
    assert answer.headers["x-should-retry"] == "false"
    assert len(models.requests) == 1


def test_a_limit_of_nothing_allows_models_that_cost_nothing(models, prompt):
    profiles.create_profile(name="free", provider="echo")
    make_prompt({"profile": "free"}, name="free")
    client = OpenAI("Editor", usd_per_day=Decimal(0))
    assert client.send(ASK).status_code == 429
    assert client.send(ASK | {"model": "prompt:free"}).status_code == 200
    assert models.requests == []


def test_a_model_without_a_price_is_refused_under_a_limit(models):
    make_prompt({"provider": "openai", "model": "a-model-of-tomorrow"})
    error = OpenAI("Editor", usd_per_day=Decimal(5)).send(ASK).json()["error"]
    assert "the price of the model is not known" in error["message"]
    answer = OpenAI("Editor").send(ASK)
    assert answer.status_code == 200
    assert "X-AutoForge-Cost-USD" not in answer.headers


FAILURES = [
    (Step(status=400), Decimal(0)),
    (Step(status=429, headers={"Retry-After": "25"}), Decimal(0)),
    # Whether these are paid nobody knows: 3 tokens of the prompt and 5 of an answer stay.
    (Step(status=504), Decimal("0.0000088")),
    (Step(body="no JSON"), Decimal("0.0000088")),
]


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(("step", "cost"), FAILURES)
def test_what_was_not_done_costs_nothing(models, step, cost, is_stream):
    make_prompt(FEW)
    client = OpenAI("Editor", usd_per_day=Decimal(1))
    models.script = [step]
    assert client.send(ASK | {"stream": is_stream}).status_code >= 400
    assert spent(client) == pytest.approx(cost, abs=Decimal("0.000001"))


def test_an_answer_that_breaks_off_is_paid(models, prompt):
    client = OpenAI("Editor", usd_per_day=Decimal(1))
    choice = {"message": {"content": "Hello"}, "finish_reason": "error"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    models.script = [Step(body={"choices": [choice], "usage": usage})]
    answer = client.send(ASK)
    assert answer.status_code == 502
    assert "the rest of the answer is missing" in answer.json()["error"]["message"]
    assert spent(client) == COST


def test_a_stream_that_fails_pays_for_what_came(models, prompt):
    client = OpenAI("Editor", usd_per_day=Decimal(1))
    models.script = [Step(events=[{"choices": [{"delta": {"content": "x" * 400}}]}])]
    b"".join(client.send(ASK | {"stream": True}))
    # 2 tokens of the prompt and about 101 of the answer.
    assert spent(client) == pytest.approx(Decimal("0.000162"), rel=Decimal("0.05"))


@pytest.mark.parametrize("is_stream", [False, True])
def test_only_so_many_calls_wait_at_a_time(models, prompt, monkeypatch, is_stream):
    client = OpenAI("Editor", usd_per_day=Decimal(1))
    monkeypatch.setattr(watchers, "most", 0)
    answer = client.send(ASK | {"stream": is_stream})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
    assert (models.requests, spent(client), watchers.count) == ([], 0, 0)
    monkeypatch.setattr(watchers, "most", 1)
    for _number in range(2):  # the second only begins when the first has ended
        answer = client.send(ASK | {"stream": is_stream})
        b"".join(answer)
        assert answer.status_code == 200
        for close in answer._resource_closers:
            close()
    assert watchers.count == 0


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_call_ends_when_nobody_waits_for_it(models, monkeypatch, is_stream):
    make_prompt(FEW)
    client = OpenAI("Editor", usd_per_day=Decimal(1))
    monkeypatch.setattr(calls, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(calls, "is_gone", lambda _environment: True)
    models.delay_seconds = 5
    answer = client.send(ASK | {"stream": is_stream})
    assert answer.status_code == 504
    # It may be paid: what was reserved stays.
    assert spent(client) > 0


def test_a_stream_ends_when_nobody_reads_it(models, prompt, monkeypatch):
    client = OpenAI("Editor", usd_per_day=Decimal(1))
    first = {"choices": [{"delta": {"content": "x"}}]}
    models.script = [Step(events=[first] * 100, pause_seconds=0.2)]
    answer = client.send(ASK | {"stream": True})
    monkeypatch.setattr(calls, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(calls, "is_gone", lambda _environment: True)
    assert b"the client has gone" in b"".join(answer)
    assert models.gone.wait(10)


@pytest.mark.django_db(transaction=True)
def test_twenty_threads_pass_a_limit_by_one_call_at_most(models):
    make_prompt({"provider": "openai", "model": "gpt-4.1", "max_tokens": 1000})
    models.delay_seconds = 0.2
    client = OpenAI("Editor", usd_per_day=Decimal("0.03"))

    def call(_number: int) -> int:
        try:
            return client.send(ASK).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(call, range(20)))
    # Each reserves 1,000 tokens at 8 dollars for a million: four of them reach the limit.
    assert len(models.requests) == statuses.count(200)
    assert 4 <= statuses.count(200) < 20
    assert set(statuses) == {200, 429}
    assert spent(client) < Decimal("0.03")
