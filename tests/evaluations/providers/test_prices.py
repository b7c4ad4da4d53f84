"""What one call costs: published prices, a team's own, tokens of caches, long prompts."""

from decimal import Decimal

import pytest

from evaluations.engine.costs import answer_limit, find_answer_cost
from evaluations.engine.providers import Price, ProviderSpec, calculate_cost, find_price
from evaluations.engine.types import Answer, CacheTokens, Message

OWN = Price(input_usd_per_million=Decimal(10), output_usd_per_million=Decimal(20))
SONNET = ("anthropic", "claude-sonnet-4-5")
READ, WRITTEN, HOUR = (
    CacheTokens(read=100_000),
    CacheTokens(written=2_000),
    CacheTokens(written_for_an_hour=2_000),
)
COSTS = [
    # provider, model, own price, tokens in and out, the cache's → US dollars
    (*SONNET, None, 5, 10, None, "0.000165"),
    (*SONNET, None, 102_005, 10, CacheTokens(read=100_000, written=2_000), "0.037665"),
    (*SONNET, None, 2_000, 0, WRITTEN, "0.0075"),
    (*SONNET, None, 2_000, 0, HOUR, "0.012"),
    # One token beyond 200,000 makes all of them dearer, those of the cache as well.
    (*SONNET, None, 200_000, 0, READ, "0.33"),
    (*SONNET, None, 200_001, 0, READ, "0.660006"),
    ("openai", "gpt-4.1", None, 10_000, 10, CacheTokens(read=9_984), "0.005104"),
    # A team's own price of a Claude: Anthropic's factors hold for it.
    (*SONNET, OWN, 100_000, 0, READ, "0.1"),
    (*SONNET, OWN, 2_000, 0, WRITTEN, "0.025"),
    (*SONNET, OWN, 2_000, 0, HOUR, "0.04"),
    # Where the price of the cache is not known, its tokens cost as much as others.
    ("openai", "mine", OWN, 100_000, 0, READ, "1"),
    ("openai", "mine", OWN, 2_000, 0, HOUR, "0.02"),
    # More from the cache than there was: what is priced apart is all there is.
    ("openai", "gpt-4.1", None, 10, 0, CacheTokens(read=1_000_000), "0.5"),
    ("echo", "", None, 10, 10, READ, "0"),
]


@pytest.mark.parametrize(
    ("kind", "model", "own", "sent", "came", "cache", "dollars"), COSTS, ids=range(len(COSTS))
)
def test_what_a_call_costs(kind, model, own, sent, came, cache, dollars):
    price = find_price(ProviderSpec(kind=kind, model=model, price=own))
    assert calculate_cost(price, sent, came, cache) == Decimal(dollars)


def test_what_is_not_known_costs_nothing_that_is_known():
    assert find_price(ProviderSpec(kind="openai", model="no-such-model")) is None
    assert calculate_cost(None, 1, 1) is None
    assert calculate_cost(OWN, None, 1) is None
    assert calculate_cost(OWN, 1, None) is None


def test_where_no_tokens_are_counted_they_are_estimated():
    messages = (Message(role="user", content="x" * 400),)
    assert find_answer_cost(OWN, messages, Answer(text="y" * 40)) == Decimal("0.00122")
    free = Price(input_usd_per_million=Decimal(0), output_usd_per_million=Decimal(0))
    assert find_answer_cost(free, messages, Answer(text="y")) is None


@pytest.mark.parametrize(("parameters", "limit"), [
    ({}, 256), ({"max_tokens": 5}, 5), ({"max_completion_tokens": 7}, 7),
    ({"max_tokens": 5, "max_completion_tokens": 7}, 7), ({"max_tokens": True}, 256),
    ({"max_tokens": "5"}, 256),
])  # fmt: skip
def test_the_most_tokens_of_an_answer(parameters, limit):
    assert answer_limit(parameters, 256) == limit
