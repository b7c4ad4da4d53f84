"""What each family of models takes, in one table, each row with its source.

A parameter that a model refuses is not sent, or sent by the name that the model knows; whose
configuration sets one is warned. Models that no row fits take whatever they are sent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from core.language import gettext as _
from evaluations.engine.providers.base import Kind
from evaluations.engine.providers.services import SERVICES

__all__ = ["FAMILIES", "Family", "find_family", "fit_parameters", "thinks", "why_unsent"]

SAMPLING: Final = frozenset({"temperature", "top_p"})
OPENAI_SAMPLING: Final = SAMPLING | {
    "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs",
}  # fmt: skip
CLAUDE_SAMPLING: Final = SAMPLING | {"top_k"}
OPENAI_KINDS: Final = (Kind.OPENAI, Kind.OPENAI_COMPATIBLE)
RENAMED: Final = {"max_tokens": "max_completion_tokens"}
REASONING_GUIDE: Final = (
    "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning (not supported: "
    "temperature, top_p, penalties, logprobs, logit_bias, max_tokens)"
)
THINKING_GUIDE: Final = "https://platform.claude.com/docs/en/build-with-claude/extended-thinking"
MIGRATION_GUIDE: Final = "https://platform.claude.com/docs/en/about-claude/models/migration-guide"


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """Models that take the same parameters."""

    title: str
    """What people call them."""
    names: re.Pattern[str]
    """What the whole name of such a model looks like, without the house before a slash."""
    kinds: tuple[str, ...]
    """The providers at which the name means these models."""
    source: str
    """Where it is documented."""
    refused: frozenset[str] = frozenset()
    """Parameters that are refused, but for what `accepts` says."""
    accepts_sampling_with: tuple[str, str] = ("", "")
    """A parameter and the value with which nothing is refused; empty: there is none."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Parameters that have another name here."""
    one_of_sampling: bool = False
    """Whether temperature and top_p are refused together."""
    budget_thinking: bool = True
    """Whether `thinking` may have a budget of tokens."""


# The first that fits counts. Names are matched whole; a date or a fine-tuner's name may follow.
FAMILIES: Final = (
    Family(
        title="GPT-5 chat models",
        names=re.compile(r"gpt-5(\.\d+)?-chat.*"),
        kinds=OPENAI_KINDS,
        source="https://platform.openai.com/docs/models/gpt-5-chat-latest",
        renamed=RENAMED,
    ),
    Family(
        title="GPT-5.1 and later",
        names=re.compile(r"gpt-5\.\d+.*"),
        kinds=OPENAI_KINDS,
        source="https://platform.openai.com/docs/guides/latest-model (parameter compatibility: "
        "sampling only where reasoning_effort is none)",
        refused=OPENAI_SAMPLING,
        accepts_sampling_with=("reasoning_effort", "none"),
        renamed=RENAMED,
    ),
    Family(
        title="OpenAI reasoning models (o1, o3, o4, GPT-5)",
        names=re.compile(r"(o\d+(-.*)?|gpt-5(-.*)?|codex-mini.*)"),
        kinds=OPENAI_KINDS,
        source=REASONING_GUIDE,
        refused=OPENAI_SAMPLING,
        renamed=RENAMED,
    ),
    Family(
        title="Claude Opus 4.7 and later, Claude 5 and later",
        names=re.compile(r"claude-(opus-4-([7-9]|\d\d)(?!\d)|[a-z]+-([5-9]|\d\d)(?!\d)|mythos).*"),
        kinds=(Kind.ANTHROPIC,),
        source=MIGRATION_GUIDE,
        refused=CLAUDE_SAMPLING,
        budget_thinking=False,
    ),
    Family(
        title="Claude 4.1 to 4.6",
        names=re.compile(r"claude-[a-z]+-4-[1-6](?!\d).*"),
        kinds=(Kind.ANTHROPIC,),
        source=MIGRATION_GUIDE,
        one_of_sampling=True,
    ),
)
# OpenRouter and others write the house before the model, fine-tuned ones have more around it.
AROUND: Final = re.compile(r"(?:ft:)?(?:[\w.-]+/)*(?P<name>[^:/]+)(?::.*)?")


def find_family(kind: str, model: str) -> Family | None:
    """Return the row that a model belongs to, None where it is not known."""
    name = model.lower()
    around = AROUND.fullmatch(name)
    if around:
        name = around["name"]
    for family in FAMILIES:
        if _speaks(kind, family) and family.names.fullmatch(name):
            return family
    return None


def _speaks(kind: str, family: Family) -> bool:
    """Whether a provider's models of a name are those of a family."""
    # A service in the table hands OpenAI's models on, as a compatible one may.
    return kind in family.kinds or (kind in SERVICES and Kind.OPENAI_COMPATIBLE in family.kinds)


def fit_parameters(kind: str, model: str, parameters: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters as a model takes them: without what it refuses, by its own names."""
    family = find_family(kind, model)
    unsent = _explain_unsent(kind, family, parameters)
    fitted = {name: value for name, value in parameters.items() if name not in unsent}
    if family is None:
        return fitted
    for name, own in family.renamed.items():
        if name in fitted:
            # Where both are set, the model's own name is what counts.
            value = fitted.pop(name)
            fitted.setdefault(own, value)
    if not family.budget_thinking and _has_budget(parameters):
        fitted["thinking"] = {"type": "adaptive"}
    return fitted


def why_unsent(kind: str, model: str, parameters: Mapping[str, object]) -> dict[str, str]:
    """Return what of the parameters is not sent as it stands: its name and one sentence."""
    family = find_family(kind, model)
    sentences = _explain_unsent(kind, family, parameters)
    if family is None:
        return sentences
    for name, own in family.renamed.items():
        if name in parameters:
            sentences[name] = _("“%(name)s” is sent as %(own)s, its name for %(models)s") % {
                "name": name,
                "own": own,
                "models": family.title,
            }
    if not family.budget_thinking and _has_budget(parameters):
        sentences["thinking"] = _(
            "“thinking” is sent as adaptive: %(models)s do not accept a token budget for it"
        ) % {"models": family.title}
    return sentences


def _explain_unsent(
    kind: str, family: Family | None, parameters: Mapping[str, object]
) -> dict[str, str]:
    """Return the names that are not sent, each with its sentence."""
    sentences: dict[str, str] = {}
    if family is not None:
        sentences |= _explain_refused(family, parameters)
        if family.one_of_sampling and parameters.keys() >= SAMPLING:
            sentences["top_p"] = _(
                "“top_p” is not sent: %(models)s accept either it or temperature, not both"
            ) % {"models": family.title}
    if kind == Kind.ANTHROPIC and thinks(parameters):
        for name, value in parameters.items():
            if name in CLAUDE_SAMPLING and not _fits_thinking(name, value):
                sentences[name] = _(
                    "“%(name)s” is not sent: Claude models do not accept this value with thinking"
                ) % {"name": name}
    return sentences


def _fits_thinking(name: str, value: object) -> bool:
    """Whether a parameter may stand beside `thinking` (source: THINKING_GUIDE)."""
    if name == "temperature":
        return value == 1
    if name == "top_p":
        return isinstance(value, int | float) and 0.95 <= value <= 1
    return False  # top_k


def _explain_refused(family: Family, parameters: Mapping[str, object]) -> dict[str, str]:
    switch, value = family.accepts_sampling_with
    if switch and parameters.get(switch) == value:
        return {}
    sentence = _("“%(name)s” is not sent: %(models)s do not accept it")
    if switch:
        sentence = _(
            "“%(name)s” is not sent: %(models)s do not accept it unless %(switch)s is %(value)s"
        )
    names = [name for name in parameters if name in family.refused]
    words = {"models": family.title, "switch": switch, "value": value}
    return {name: sentence % {**words, "name": name} for name in names}


def thinks(parameters: Mapping[str, object]) -> bool:
    """Whether parameters ask a Claude to think before it answers."""
    thinking = parameters.get("thinking")
    return isinstance(thinking, Mapping) and thinking.get("type") in ("enabled", "adaptive")


def _has_budget(parameters: Mapping[str, object]) -> bool:
    thinking = parameters.get("thinking")
    return isinstance(thinking, Mapping) and thinking.get("type") == "enabled"
