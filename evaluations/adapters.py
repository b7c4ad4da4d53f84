"""From rows of the database to what the engine works with: prompts to messages, JSON to specs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any, Final

from msgspec import UNSET

from evaluations.engine.errors import ScoringError, SuiteError
from evaluations.engine.providers import (
    Limits,
    Price,
    ProviderSpec,
    parse_configured,
    parse_spec,
)
from evaluations.engine.scripts import Script, call_prompt, read_function_prompt
from evaluations.engine.types import Message, Part
from evaluations.models import ModelProfile
from evaluations.promptfoo.chats import read_messages
from evaluations.promptfoo.templates import fill_free_values, free_template, with_affixes
from evaluations.stored import Target, TargetLimits
from prompts import interface as prompts
from prompts.rendering import find_placeholders
from prompts.rendering import prepare as prepare_template

__all__ = [
    "find_configured_spec",
    "find_spec",
    "message_from_prompt",
    "prepare",
    "spec_from_profile",
    "spec_from_target",
    "target_from_spec",
]


# The order of a stored price: a new rate is only ever added at the end, as old rows are shorter.
RATES: Final = (
    "input_usd_per_million",
    "output_usd_per_million",
    "cache_read_usd_per_million",
    "cache_write_usd_per_million",
    "cache_write_1h_usd_per_million",
)


def prepare(
    template: prompts.Template, kind: str = "", before: str = "", after: str = ""
) -> Callable[[Mapping[str, object]], tuple[Message, ...]]:
    """Return what makes messages of a template and a case's variables, for many cases.

    Variables that the template does not ask for are left out: a suite serves several versions. A
    case's messages for a placeholder stand among its variables, as a list. It raises
    prompts.TemplateError where values are missing or of wrong types; each is named; and SuiteError
    where a text of a file was meant as a chat and is none once it is filled.

    Args:
        template: a stored prompt's, or one of a text that came with a file.
        kind: the provider's: a text of a file is a chat where its service reads one in it.
        before: stands before such a text, and is a part of it.
        after: stands after it.

    Raises:
        prompts.TemplateError: the template itself is wrong.
    """
    function = read_function_prompt(template.content) if template.syntax == "plain" else None
    if function is not None:
        return _prepare_function(*function, kind)
    template = with_affixes(template, before, after)
    render = prepare_template(template)
    names = {variable.name for variable in template.variables}
    names.update(find_placeholders(template))
    # As in promptfoo, values of a text that came with a file may contain tags themselves.
    has_tags_in_values = template.syntax == "nunjucks"
    is_of_file = template.syntax.startswith("nunjucks")

    def fill_case(values: Mapping[str, object]) -> tuple[Message, ...]:
        if has_tags_in_values:
            values = fill_free_values(values)  # texts alone: messages stay as they are
        rendered = render({name: value for name, value in values.items() if name in names})
        if isinstance(rendered, str):
            return read_messages(kind, rendered) if is_of_file else (_of_user(rendered),)
        return tuple(map(message_from_prompt, rendered))

    return fill_case


def _prepare_function(
    script: Script, config: object, kind: str
) -> Callable[[Mapping[str, object]], tuple[Message, ...]]:
    """Return what makes messages of the text that a function makes of a case's variables."""

    def fill_case(values: Mapping[str, object]) -> tuple[Message, ...]:
        known = {"vars": dict(values), "provider": {"id": kind, "label": kind}, "config": config}
        try:
            text = call_prompt(script, known)
        except ScoringError as error:
            raise SuiteError(error.sentence) from error
        return prepare(free_template(text), kind)(values)

    return fill_case


def _of_user(text: str) -> Message:
    return Message(role="user", content=text)


def message_from_prompt(
    message: prompts.Message,
    *,
    tool_calls: tuple[Mapping[str, object], ...] = (),
    tool_call_id: str = "",
) -> Message:
    """Return a rendered message as the engine sends it.

    Args:
        message: of a prompt.
        tool_calls: what an assistant's message calls, in OpenAI's form.
        tool_call_id: the call that a tool's message answers.
    """
    parts: tuple[Part, ...] = ()
    if not isinstance(message.content, str):
        parts = tuple(Part(**asdict(part)) for part in message.content)
    return Message(
        role=message.role,
        content=message.text,
        parts=parts,
        tool_calls=tool_calls,
        tool_call_id=tool_call_id,
    )


def spec_from_profile(profile: ModelProfile) -> ProviderSpec:
    """Return what a model profile asks."""
    input_rate = profile.input_usd_per_million
    output_rate = profile.output_usd_per_million
    price = None
    if input_rate is not None or output_rate is not None:
        # Embedding models have no price for answers.
        price = Price(
            input_usd_per_million=input_rate or Decimal(0),
            output_usd_per_million=output_rate or Decimal(0),
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
    if profile is None:
        return parse_spec(text)
    return spec_from_profile(profile)


def find_configured_spec(text: str) -> ProviderSpec:
    """Return as `find_spec` does; a text that means none is a spec that says why (`problem`).

    Raises:
        SetupError: it is written in a way that means nothing.
    """
    profile = ModelProfile.objects.filter(name=text).first()
    if profile is None:
        return parse_configured(text)
    return spec_from_profile(profile)


def target_from_spec(spec: ProviderSpec) -> Target:
    """Return a spec as a run's column stores it; it contains no key."""
    price = None
    if spec.price is not None:
        price = _rates_to_texts(spec.price)
    limits = None
    if spec.limits is not None:
        limits = TargetLimits(
            concurrency=spec.limits.concurrency,
            requests_per_minute=spec.limits.requests_per_minute,
            tokens_per_minute=spec.limits.tokens_per_minute,
            timeout_seconds=spec.limits.timeout_seconds,
            retries=spec.limits.retries,
        )
    return Target(
        kind=spec.kind,
        model=spec.model,
        label=spec.label,
        base_url=spec.base_url,
        parameters=dict(spec.parameters),
        price=price,
        limits=limits,
        settings=dict(spec.settings) or UNSET,
        problem=spec.problem or UNSET,
        defaults=list(spec.defaults) or UNSET,
    )


def spec_from_target(target: Target) -> ProviderSpec:
    """Return the spec that `target_from_spec` was given."""
    price = None
    if target.price:
        price = _price_from_texts(target.price)
    limits = None
    if target.limits is not None:
        limits = Limits(
            concurrency=target.limits.concurrency,
            requests_per_minute=target.limits.requests_per_minute,
            tokens_per_minute=target.limits.tokens_per_minute,
            timeout_seconds=target.limits.timeout_seconds,
            retries=target.limits.retries,
        )
    return ProviderSpec(
        kind=target.kind,
        model=target.model,
        label=target.label,
        base_url=target.base_url,
        parameters=target.parameters,
        price=price,
        limits=limits,
        settings=target.settings or {},
        problem=target.problem or "",
        defaults=tuple(target.defaults or ()),
    )


def _rates_to_texts(price: Price) -> tuple[str | None, ...]:
    """Return a price's rates in the order of RATES; what is not set at the end is left out."""
    rates = [getattr(price, name) for name in RATES]
    while rates[-1] is None:
        rates.pop()
    # Texts, because a JSON number would come back as a float, and 0.1 + 0.2 would not be 0.3.
    return tuple(None if rate is None else str(rate) for rate in rates)


def _price_from_texts(texts: Sequence[str | None]) -> Price:
    rates: dict[str, Any] = {}
    for name, text in zip(RATES, texts, strict=False):
        rates[name] = None if text is None else Decimal(text)
    return Price(**rates)
