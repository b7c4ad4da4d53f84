"""What a run may still spend, to the edge: the last call that fits, one cent too many."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluations.engine.budget import Budget, Caps, Spent


class Clock:
    """Seconds that go forward when they are told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def budget(*, spent=None, **caps):
    return Budget(Caps(**caps), spent or Spent(), clock=Clock())


CALLS = "the limit of 10 calls is reached"
MONEY = "the limit of 0.50 US dollars is reached"
TIME = "the limit of 7.5 seconds is reached"
EDGES = [
    # limits, already spent, calls that are about to begin → why not
    ({}, Spent(cost_usd=Decimal(10**9), calls=10**9, seconds=1e9), 10**9, ""),
    ({"calls": 10}, Spent(calls=9), 1, ""),
    ({"calls": 10}, Spent(calls=10), 1, CALLS),
    ({"calls": 10}, Spent(calls=8), 2, ""),
    ({"calls": 10}, Spent(calls=9), 2, CALLS),
    ({"calls": 10}, Spent(calls=10), 0, ""),
    ({"calls": 0}, Spent(), 1, "the limit of 0 calls is reached"),
    ({"cost_usd": Decimal("0.50")}, Spent(cost_usd=Decimal("0.4999999999")), 1, ""),
    ({"cost_usd": Decimal("0.50")}, Spent(cost_usd=Decimal("0.50")), 1, MONEY),
    ({"cost_usd": Decimal("0.50")}, Spent(cost_usd=Decimal("0.51")), 1, MONEY),
    ({"cost_usd": Decimal(0)}, Spent(), 1, "the limit of 0 US dollars is reached"),
    ({"cost_usd": Decimal("1E-7")}, Spent(cost_usd=Decimal(1)), 1,
     "the limit of 0.0000001 US dollars is reached"),
    ({"seconds": 7.5}, Spent(seconds=7.499), 1, ""),
    ({"seconds": 7.5}, Spent(seconds=7.5), 1, TIME),
    ({"seconds": 7.5}, Spent(seconds=8.0), 1, TIME),
    ({"calls": 10, "cost_usd": Decimal("0.50"), "seconds": 7.5},
     Spent(calls=10, cost_usd=Decimal(1), seconds=9), 1, CALLS),
    ({"cost_usd": Decimal("0.50"), "seconds": 7.5},
     Spent(cost_usd=Decimal(1), seconds=9), 1, MONEY),
]  # fmt: skip


@pytest.mark.parametrize(("caps", "spent", "calls", "why"), EDGES)
def test_the_edge_of_each_limit(caps, spent, calls, why):
    made = budget(spent=spent, **caps)
    assert made.why_stop(calls) == why
    assert made.calls == spent.calls  # asking counts nothing
    assert made.begin_calls(calls) == why
    assert made.calls == spent.calls + (0 if why else calls)


def test_one_call_is_meant_where_no_number_is_given():
    assert budget(calls=10, spent=Spent(calls=9)).why_stop() == ""
    made = budget(calls=2)
    assert [made.begin_calls(), made.begin_calls(), made.begin_calls()] == [
        "", "", "the limit of 2 calls is reached",
    ]  # fmt: skip
    assert made.calls == 2
    assert made.why_stop() == "the limit of 2 calls is reached"


def test_calls_that_were_not_made_are_given_back():
    made = budget(calls=10, spent=Spent(calls=4))
    made.begin_calls(5)
    made.give_back(3)
    assert made.calls == 6
    assert made.begin_calls(4) == ""
    assert made.begin_calls(1) == CALLS


def test_what_calls_cost_adds_up_and_unknown_costs_nothing():
    made = budget(cost_usd=Decimal("0.50"), spent=Spent(cost_usd=Decimal("0.30")))
    made.add_cost(Decimal("0.15"))
    made.add_cost(None)
    assert (made.cost_usd, made.why_stop()) == (Decimal("0.45"), "")
    made.add_cost(Decimal("0.05"))
    assert (made.cost_usd, made.why_stop()) == (Decimal("0.50"), MONEY)


def test_time_runs_from_the_start_on_top_of_what_earlier_workers_took():
    clock = Clock()
    made = Budget(Caps(seconds=10.0), Spent(seconds=3.0), clock=clock)
    assert (made.seconds, made.seconds_left) == (3.0, 7.0)
    clock.now += 6.5
    assert (made.seconds, made.seconds_left, made.why_stop()) == (9.5, 0.5, "")
    clock.now += 0.5
    assert (made.seconds_left, made.why_stop()) == (0.0, "the limit of 10 seconds is reached")
    assert made.time_sentence == "the limit of 10 seconds is reached"


def test_without_a_limit_time_is_endless():
    made = budget(spent=Spent(seconds=1e12))
    assert made.seconds_left == math.inf
    assert Caps() == Caps(cost_usd=None, calls=None, seconds=None)
    assert Spent() == Spent(cost_usd=Decimal(0), calls=0, seconds=0.0)


@given(limit=st.integers(0, 30), groups=st.lists(st.integers(0, 6), max_size=20))
def test_never_more_calls_than_the_limit_and_never_one_too_few(limit, groups):
    made = budget(calls=limit)
    for calls in groups:
        before = made.calls
        refused = bool(made.begin_calls(calls))
        assert refused == (before + calls > limit)
        assert made.calls == before + (0 if refused else calls) <= limit
