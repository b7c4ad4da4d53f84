"""What calls cost: a team's own prices first, then the published ones."""

from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from evaluations.engine.providers.contract import Price, PriceTier, ProviderSpec

__all__ = ["cost_of", "price_of"]

MILLION: Final = Decimal(1_000_000)
PUBLISHED: Final = ("openai", "anthropic")
FREE: Final = ("echo", "replay", "local", "local-embeddings")


def price_of(spec: ProviderSpec) -> Price | None:
    """Return the price of a model, None where it is not known."""
    if spec.price is not None:
        return spec.price
    if spec.kind in FREE:
        return Price(input_usd_per_million=Decimal(0), output_usd_per_million=Decimal(0))
    return _published(spec.kind, spec.model) if spec.kind in PUBLISHED else None


@lru_cache(maxsize=256)
def _published(kind: str, model: str) -> Price | None:
    from genai_prices import Usage, calc_price  # noqa: PLC0415 (only where something costs)

    def price_above(tokens: int) -> dict[str, Decimal]:
        # One token more than the limit, so that the tier's own prices are what is charged.
        usage = Usage(input_tokens=tokens + 1, output_tokens=1_000_000)
        found = calc_price(usage, model_ref=model, provider_id=kind)
        return {
            "input_usd_per_million": found.input_price / (tokens + 1) * MILLION,
            "output_usd_per_million": found.output_price,
        }

    try:
        usual = calc_price(Usage(input_tokens=1), model_ref=model, provider_id=kind)
        limits = _tier_limits(usual.model_price)
        tiers = tuple(PriceTier(above_input_tokens=one, **price_above(one)) for one in limits)
        return Price(**price_above(0), tiers=tiers)
    except LookupError:
        return None


def _tier_limits(model_price: Any) -> list[int]:
    """Return from how many tokens of a prompt on a model costs something else."""
    parts = (model_price.input_mtok, model_price.output_mtok)
    return sorted({tier.start for part in parts for tier in getattr(part, "tiers", ())})


def cost_of(
    price: Price | None, input_tokens: int | None, output_tokens: int | None
) -> Decimal | None:
    """Return what one call cost in US dollars, None where price or tokens are not known."""
    if price is None or input_tokens is None or output_tokens is None:
        return None
    reached = [tier for tier in price.tiers if input_tokens > tier.above_input_tokens]
    found = reached[-1] if reached else price
    return (
        found.input_usd_per_million * input_tokens + found.output_usd_per_million * output_tokens
    ) / MILLION
