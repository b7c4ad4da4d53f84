"""What calls cost: a team's own prices first, then the published ones."""

from decimal import Decimal
from functools import lru_cache
from typing import Final

from evaluations.engine.providers.contract import Price, ProviderSpec

__all__ = ["cost_of", "price_of"]

MILLION: Final = Decimal(1_000_000)
PUBLISHED: Final = ("openai", "anthropic")
FREE: Final = ("echo", "replay", "local")


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

    try:
        found = calc_price(
            Usage(input_tokens=1_000_000, output_tokens=1_000_000),
            model_ref=model,
            provider_id=kind,
        )
    except LookupError:
        return None
    return Price(input_usd_per_million=found.input_price, output_usd_per_million=found.output_price)


def cost_of(
    price: Price | None, input_tokens: int | None, output_tokens: int | None
) -> Decimal | None:
    """Return what a call cost in US dollars, None where price or tokens are not known."""
    if price is None or input_tokens is None or output_tokens is None:
        return None
    return (
        price.input_usd_per_million * input_tokens + price.output_usd_per_million * output_tokens
    ) / MILLION
