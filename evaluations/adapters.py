"""From what the tables hold to what the engine asks: prompts to messages, targets to specs."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from evaluations.engine.providers import Limits, Price, ProviderSpec, parse_spec
from evaluations.engine.types import Message
from evaluations.models import ModelProfile
from evaluations.promptfoo.templates import fill_free_values, with_affixes
from prompts import interface as prompts
from prompts.rendering import prepare as prepare_template

__all__ = ["find_spec", "prepare", "spec_from_json", "spec_from_profile", "spec_to_json"]


RATES: Final = (
    "input_usd_per_million",
    "output_usd_per_million",
    "cache_read_usd_per_million",
    "cache_write_usd_per_million",
    "cache_write_1h_usd_per_million",
)


def prepare(
    template: prompts.Template, before: str = "", after: str = ""
) -> Callable[[Mapping[str, Any]], tuple[Message, ...]]:
    """Return what makes messages of a template and a case's variables, for many cases.

    Variables that the template does not ask for are left out: a suite serves several versions. It
    raises prompts.TemplateError where values are missing or of wrong types; each is named.

    Args:
        template: a stored prompt's, or one of a text that came with a file.
        before: stands before such a text, and is a part of it.
        after: stands after it.

    Raises:
        prompts.TemplateError: the template itself is wrong.
    """
    template = with_affixes(template, before, after)
    filler = prepare_template(template)
    wanted = {variable.name for variable in template.variables}
    resolve = fill_free_values if template.syntax == "nunjucks" else dict

    def fill_case(values: Mapping[str, Any]) -> tuple[Message, ...]:
        values = resolve(values)
        found = filler({name: value for name, value in values.items() if name in wanted})
        if isinstance(found, str):
            return (Message(role="user", content=found),)
        return tuple(Message(role=one.role, content=one.content) for one in found)

    return fill_case


def spec_from_profile(profile: ModelProfile) -> ProviderSpec:
    """Return what a model profile asks."""
    prices = profile.input_usd_per_million, profile.output_usd_per_million
    price = None
    if prices != (None, None):
        price = Price(
            input_usd_per_million=prices[0] or Decimal(0),
            output_usd_per_million=prices[1] or Decimal(0),
        )
    return ProviderSpec(
        kind=profile.provider,
        model=profile.model,
        label=profile.name,
        parameters=profile.parameters,
        base_url=profile.base_url,
        price=price,
        limits=Limits(
            concurrency=profile.concurrency,
            requests_per_minute=profile.requests_per_minute,
            tokens_per_minute=profile.tokens_per_minute,
            timeout_seconds=profile.timeout_seconds,
        ),
    )


def find_spec(text: str) -> ProviderSpec:
    """Return the model that a profile's name, or a text such as openai:gpt-4.1-mini, means.

    Raises:
        SetupError: it means none; says what there is.
    """
    profile = ModelProfile.objects.filter(name=text).first()
    return spec_from_profile(profile) if profile else parse_spec(text)


def spec_to_json(spec: ProviderSpec) -> dict[str, Any]:
    """Return a spec as the JSON that an evaluation keeps; it holds no key."""
    limits = spec.limits
    return {
        "kind": spec.kind,
        "model": spec.model,
        "label": spec.label,
        "base_url": spec.base_url,
        "parameters": dict(spec.parameters),
        "price": spec.price and _rates_as_texts(spec.price),
        "limits": limits
        and [
            limits.concurrency,
            limits.requests_per_minute,
            limits.tokens_per_minute,
            limits.timeout_seconds,
            limits.retries,
        ],
    }


def _rates_as_texts(price: Price) -> list[str | None]:
    """Return a price's rates in the order of RATES; what is not set at the end is left out."""
    rates = [getattr(price, name) for name in RATES]
    while rates[-1] is None:
        rates.pop()
    return [None if rate is None else str(rate) for rate in rates]


def _price_of_texts(texts: Sequence[str | None]) -> Price:
    rates: dict[str, Any] = {
        name: None if text is None else Decimal(text)
        for name, text in zip(RATES, texts, strict=False)
    }
    return Price(**rates)


def spec_from_json(target: Mapping[str, Any]) -> ProviderSpec:
    """Return the spec that `spec_to_json` made a JSON object of."""
    price, limits = target.get("price"), target.get("limits")
    return ProviderSpec(
        kind=target["kind"],
        model=target["model"],
        label=target["label"],
        base_url=target["base_url"],
        parameters=target["parameters"],
        price=price and _price_of_texts(price),
        limits=limits
        and Limits(
            concurrency=limits[0],
            requests_per_minute=limits[1],
            tokens_per_minute=limits[2],
            timeout_seconds=limits[3],
            retries=limits[4],
        ),
    )
