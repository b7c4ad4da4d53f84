"""Providers of models: one file each.

contract ◀── openai, anthropic, local, offline ◀── specs (by name)
             http, keys                            calling (pace, retries)   prices
"""

from evaluations.engine.providers.base import (
    Abilities,
    Environment,
    Limits,
    Price,
    Provider,
    ProviderSpec,
)
from evaluations.engine.providers.identity import identity_of
from evaluations.engine.providers.prices import cost_of, price_of
from evaluations.engine.providers.retry import Pace, with_retries
from evaluations.engine.providers.specs import PROVIDERS, left_out_of, make, parse_spec

__all__ = [
    "PROVIDERS",
    "Abilities",
    "Environment",
    "Limits",
    "Pace",
    "Price",
    "Provider",
    "ProviderSpec",
    "cost_of",
    "identity_of",
    "left_out_of",
    "make",
    "parse_spec",
    "price_of",
    "with_retries",
]
