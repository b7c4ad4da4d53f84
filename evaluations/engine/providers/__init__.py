"""Providers of models: one file each.

base ◀── openai, anthropic, local, offline ◀── specs (by name)
         http, keys, families, replies         retry (pace, retries)   prices
"""

from evaluations.engine.providers.base import (
    Capabilities,
    Environment,
    Kind,
    Limits,
    Price,
    Provider,
    ProviderSpec,
    Streaming,
)
from evaluations.engine.providers.identity import provider_fingerprint
from evaluations.engine.providers.parts import check_parts
from evaluations.engine.providers.prices import calculate_cost, find_price
from evaluations.engine.providers.retry import RateLimiter, with_retries
from evaluations.engine.providers.specs import (
    PROVIDERS,
    as_unavailable,
    list_left_out,
    make,
    parse_configured,
    parse_spec,
)

__all__ = [
    "PROVIDERS",
    "Capabilities",
    "Environment",
    "Kind",
    "Limits",
    "Price",
    "Provider",
    "ProviderSpec",
    "RateLimiter",
    "Streaming",
    "as_unavailable",
    "calculate_cost",
    "check_parts",
    "find_price",
    "list_left_out",
    "make",
    "parse_configured",
    "parse_spec",
    "provider_fingerprint",
    "with_retries",
]
