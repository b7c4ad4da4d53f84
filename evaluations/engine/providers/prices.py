"""What calls cost: a team's own prices first, then the published ones."""

from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from evaluations.engine.providers.base import Kind, Price, PriceTier, ProviderSpec, Rates
from evaluations.engine.providers.services import SERVICES
from evaluations.engine.types import CacheTokens

__all__ = ["calculate_cost", "find_price"]

MILLION: Final = Decimal(1_000_000)
PUBLISHED: Final = {
    Kind.OPENAI: "openai",
    Kind.ANTHROPIC: "anthropic",
    Kind.AZURE: "azure",
    Kind.COHERE: "cohere",
    Kind.GOOGLE: "google",
    Kind.VERTEX: "google",
    **{name: service.prices for name, service in SERVICES.items() if service.prices},
}
"""What genai-prices calls a provider, by its kind."""
FREE: Final = (
    Kind.ECHO, Kind.REPLAY, Kind.LOCAL, Kind.LOCAL_EMBEDDINGS, Kind.UNAVAILABLE
)  # fmt: skip
NO_CACHE: Final = CacheTokens()
# What Anthropic's cache costs, in prices of its input: https://platform.claude.com/docs/en/
# build-with-claude/prompt-caching#pricing. So is the cache of a team's own price of such a model.
ANTHROPIC_CACHE: Final = {
    "cache_read_usd_per_million": Decimal("0.1"),
    "cache_write_usd_per_million": Decimal("1.25"),
    "cache_write_1h_usd_per_million": Decimal(2),
}
# Our name of a rate → genai-prices' name of it.
PUBLISHED_RATES: Final = {
    "input_usd_per_million": "input_mtok",
    "output_usd_per_million": "output_mtok",
    "cache_read_usd_per_million": "cache_read_mtok",
    "cache_write_usd_per_million": "cache_write_mtok",
    "cache_write_1h_usd_per_million": "cache_write_1h_mtok",
}


def find_price(spec: ProviderSpec) -> Price | None:
    """Return the price of a model, None where it is not known."""
    if spec.price is not None:
        return _with_cache(spec.price) if spec.kind == Kind.ANTHROPIC else spec.price
    if spec.kind in FREE:
        return Price(input_usd_per_million=Decimal(0), output_usd_per_million=Decimal(0))
    if spec.kind not in PUBLISHED:
        return None
    return _published(PUBLISHED[spec.kind], spec.model)


def _with_cache(price: Price) -> Price:
    """Return a team's own price with what Anthropic takes for its cache by that price."""
    usual: dict[str, Any] = {}
    for name, factor in ANTHROPIC_CACHE.items():
        if getattr(price, name) is None:
            usual[name] = price.input_usd_per_million * factor
    return replace(price, **usual)


@lru_cache(maxsize=256)
def _published(provider: str, model: str) -> Price | None:
    from genai_prices import Usage, calc_price  # only where something costs

    try:
        usage = Usage(input_tokens=1)
        prices = calc_price(usage, model_ref=model, provider_id=provider).model_price
    except LookupError:
        return None
    rates = {name: getattr(prices, key) for name, key in PUBLISHED_RATES.items()}
    # Each rate has tiers of its own, or is one number; ours have all rates together.
    starts: set[int] = set()
    for rate in rates.values():
        starts.update(tier.start for tier in getattr(rate, "tiers", ()))
    tiers = [
        PriceTier(above_input_tokens=start, **_rates_beyond(rates, start))
        for start in sorted(starts)
    ]
    return Price(**_rates_beyond(rates, 0), tiers=tuple(tiers))


def _rates_beyond(rates: dict[str, Any], tokens: int) -> dict[str, Any]:
    """Return what counts for a prompt of more than so many tokens."""
    beyond: dict[str, Any] = {}
    for name, rate in rates.items():
        reached = [tier.price for tier in getattr(rate, "tiers", ()) if tier.start <= tokens]
        beyond[name] = reached[-1] if reached else getattr(rate, "base", rate)
    # A model that publishes one of the two alone gives the other away.
    for name in ("input_usd_per_million", "output_usd_per_million"):
        beyond[name] = beyond[name] or Decimal(0)
    return beyond


def calculate_cost(
    price: Price | None,
    input_tokens: int | None,
    output_tokens: int | None,
    cache: CacheTokens | None = None,
) -> Decimal | None:
    """Return what one call cost in US dollars, None where price or tokens are not known.

    Args:
        price: what the model costs.
        input_tokens: of the whole prompt, those of the cache among them.
        output_tokens: of the answer.
        cache: which tokens of the prompt are priced apart. Where their price is not known, they
            cost as much as others.
    """
    if price is None or input_tokens is None or output_tokens is None:
        return None
    reached = [tier for tier in price.tiers if input_tokens > tier.above_input_tokens]
    rates: Rates = reached[-1] if reached else price
    cache = cache or NO_CACHE
    usual = rates.input_usd_per_million
    apart = cache.read + cache.written + cache.written_for_an_hour
    written = _rate_or(rates.cache_write_usd_per_million, usual)
    dollars = (
        usual * max(0, input_tokens - apart)
        + _rate_or(rates.cache_read_usd_per_million, usual) * cache.read
        + written * cache.written
        + _rate_or(rates.cache_write_1h_usd_per_million, written) * cache.written_for_an_hour
        + rates.output_usd_per_million * output_tokens
    )
    return dollars / MILLION


def _rate_or(rate: Decimal | None, usual: Decimal) -> Decimal:
    return usual if rate is None else rate
