"""The interface to prompts for other apps and programs: immutable values, never models.

    text = get_prompt("support-reply")                   # the version labelled production
    text = get_prompt("support-reply", label="staging")
    text = get_prompt("support-reply", version=3)
    render("support-reply", {"customer": "…"})

Apps add release checks, panels and scores with the functions imported from `prompts.extensions`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from prompts import selectors
from prompts.extensions import (
    Candidate,
    Panel,
    Verdict,
    register_check,
    register_panel,
    register_scores,
    unregister_check,
)
from prompts.mapping import as_template
from prompts.models import LabelRule, PromptVersion
from prompts.releases_cache import remember
from prompts.rendering import Message, Part, Template, TemplateError, Variable, find_placeholders
from prompts.rendering import render as render_template

__all__ = [
    "Candidate",
    "Message",
    "Panel",
    "Part",
    "PromptChoice",
    "PromptText",
    "Rendered",
    "Template",
    "TemplateError",
    "Verdict",
    "find_prompt",
    "find_version_keys",
    "get_choice",
    "get_prompt",
    "get_prompt_text",
    "list_checked_labels",
    "list_labelled_hashes",
    "list_prompts",
    "register_check",
    "register_panel",
    "register_scores",
    "render",
    "search_prompts",
    "unregister_check",
]

PRODUCTION: Final = "production"


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptText:
    """One version of a prompt."""

    prompt_id: UUID
    """Key of the prompt."""
    version_id: UUID
    """Key of the version."""
    name: str
    """Name of the prompt, as used in code."""
    title: str
    """Display title of the prompt."""
    number: int
    """Number of the version, from 1."""
    content: str
    """The text exactly as it was saved; for a chat, its messages as JSON."""
    content_hash: str
    """SHA-256 of everything that determines the rendered text, 64 hexadecimal characters."""
    kind: str
    """"text" or "chat"."""
    syntax: str
    """"plain", "mustache" or "jinja"."""
    config: Mapping[str, object]
    """The model, parameters, tools and schema that it is meant for; see `prompts.config`."""
    template: Template
    """The text with its variables and includes, ready to be rendered."""

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables of the text."""
        return self.template.variables

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names of a chat's placeholders, in their order."""
        return find_placeholders(self.template)

    def render(self, values: Mapping[str, object]) -> str | tuple[Message, ...]:
        """Return the text, or the messages of a chat, with the values inserted.

        Args:
            values: by name; for a placeholder, a list of messages with role and content.

        Raises:
            TemplateError: values are missing, unknown or of the wrong type; all of them are named.
        """
        return render_template(self.template, values)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """A rendered prompt with its version."""

    prompt: PromptText
    """The version that was rendered."""
    text: str
    """The text; empty for a chat."""
    messages: tuple[Message, ...]
    """The messages of a chat; for a text, a single user message."""


def get_prompt(name: str, *, label: str = PRODUCTION, version: int | None = None) -> PromptText:
    """Return the version of a prompt that a label points to, or the version with a number.

    Cached where that is safe (see `prompts.releases_cache`): when a label moves, the next call in
    every process returns the new version. Without the cache, it takes one query.

    Args:
        name: the name of the prompt, or a title that is unique among prompts in use.
        label: default `production`; `latest` is the newest version.
        version: a version number, instead of a label.

    Raises:
        NotFoundError: there is no such prompt, label or version; the message lists them.

    Examples:
        >>> prompt = get_prompt("support-reply")
        >>> prompt.number, prompt.content
        (1, 'Dear {{ customer }}, thank you.')
        >>> prompt.render({"customer": "Aiko"})
        'Dear Aiko, thank you.'
        >>> get_prompt("support-reply", label="latest").number
        2
    """
    if version is not None:
        label = ""  # it does not count: the value is kept once, whatever the label
    key = _key(name, label, version)
    return remember(key, lambda: _load(name, label, version))


def find_prompt(text: str) -> PromptText:
    """Return the version that NAME, NAME@LABEL or NAME:N refers to; NAME alone is the newest.

    Raises:
        NotFoundError: there is no such prompt, label or version; the message lists them.

    Examples:
        >>> find_prompt("support-reply@production").number
        1
        >>> find_prompt("support-reply:2").content
        'Hello {{ customer }}, thank you!'
    """
    name, _, label = text.rpartition("@")
    if name:
        return get_prompt(name, label=label)
    name, _, number = text.rpartition(":")
    if name and number.isascii() and number.isdigit() and len(number) < 10:
        return get_prompt(name, version=int(number))
    return get_prompt(text, label="latest")


def render(
    name: str,
    values: Mapping[str, object],
    *,
    label: str = PRODUCTION,
    version: int | None = None,
) -> Rendered:
    """Return a prompt with the values inserted.

    Args:
        name: the name of the prompt, or a title that is unique among prompts in use.
        values: by name; for a placeholder of a chat, a list of messages with role and content,
            which are inserted as they are. Without one, the placeholder is left out.
        label: default `production`; `latest` is the newest version.
        version: a version number, instead of a label.

    Raises:
        NotFoundError: there is no such prompt, label or version.
        TemplateError: values are missing, unknown or of the wrong type; all of them are named.

    Examples:
        >>> render("support-reply", {"customer": "Aiko"}).text
        'Dear Aiko, thank you.'
        >>> for message in render("support-reply", {"customer": "Aiko"}, version=2).messages:
        ...     print(message.role, message.content)
        user Hello Aiko, thank you!
    """
    prompt = get_prompt(name, label=label, version=version)
    result = prompt.render(values)
    if isinstance(result, str):
        return Rendered(
            prompt=prompt, text=result, messages=(Message(role="user", content=result),)
        )
    return Rendered(prompt=prompt, text="", messages=result)


def get_prompt_text(*, prompt_id: UUID | str, number: int | None = None) -> PromptText:
    """Return version `number` of the prompt with this key, or its current version.

    Raises:
        NotFoundError: there is no such prompt or version, or the prompt is deleted.

    Examples:
        >>> prompt = find_prompt("support-reply")
        >>> get_prompt_text(prompt_id=prompt.prompt_id, number=1).content
        'Dear {{ customer }}, thank you.'
    """
    if number is None:
        number = selectors.get_prompt(prompt_id).current_version
    return _freeze(selectors.get_version(prompt_id, number))


def find_version_keys(references: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], UUID]:
    """Return name and number → key of that version; one query for all of them.

    What no prompt in use has is left out.

    Examples:
        >>> keys = find_version_keys([("support-reply", 1), ("support-reply", 9)])
        >>> keys[("support-reply", 1)] == find_prompt("support-reply:1").version_id, len(keys)
        (True, 1)
    """
    return selectors.find_version_keys(references)


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptChoice:
    """A prompt to choose from, with its versions and labels."""

    prompt_id: UUID
    """Key of the prompt."""
    name: str
    """Its name, as used in code."""
    title: str
    """Display name."""
    newest: int
    """Number of its newest version; its versions are 1 to this number."""
    labels: Mapping[str, int]
    """Label → number of the version it points to."""


def list_prompts(limit: int = 200) -> list[PromptChoice]:
    """Return prompts to choose from, the most recently changed first; two queries.

    Examples:
        >>> [(choice.name, choice.newest) for choice in list_prompts()]
        [('support-reply', 2)]
    """
    rows = selectors.recent_prompts(limit)
    return [_choice(prompt) for prompt in rows]


def search_prompts(text: str, limit: int = 20) -> list[PromptChoice]:
    """Return prompts in use that contain every word of `text`, the best match first; two queries.

    Examples:
        >>> [choice.title for choice in search_prompts("thank")]
        ['Support reply']
    """
    rows = selectors.search_prompts(text).prefetch_related("labels__version")[:limit]
    return [_choice(prompt) for prompt in rows]


def get_choice(prompt_id: UUID | str) -> PromptChoice:
    """Return one prompt to choose a version of.

    Raises:
        NotFoundError: there is no such prompt, or it is deleted.

    Examples:
        >>> choice = get_choice(get_prompt("support-reply").prompt_id)
        >>> dict(choice.labels)
        {'production': 1}
    """
    return _choice(selectors.get_prompt(prompt_id))


def list_checked_labels() -> list[str]:
    """Return the labels that only move to a version that passes every release check, by name.

    Examples:
        >>> list_checked_labels()
        ['production']
    """
    rules = LabelRule.objects.filter(needs_checks=True)
    return list(rules.order_by("label").values_list("label", flat=True))


def list_labelled_hashes() -> frozenset[str]:
    """Return the content hashes of the versions that labels point to: what programs may get.

    Examples:
        >>> get_prompt("support-reply").content_hash in list_labelled_hashes()
        True
    """
    return selectors.list_labelled_hashes()


def _choice(prompt: Any) -> PromptChoice:
    return PromptChoice(
        prompt_id=prompt.pk,
        name=prompt.name,
        title=prompt.title,
        newest=prompt.current_version,
        labels={label.name: label.version.number for label in prompt.labels.all()},
    )


def _key(name: str, label: str, version: int | None) -> str:
    # Names of prompts may contain characters that are not allowed in cache keys.
    text = f"{version or ''}:{label}:{name}"
    return text.encode("utf-8", "surrogatepass").hex()


def _load(name: str, label: str, version: int | None) -> PromptText:
    return _freeze(selectors.find_released(name, label=label, number=version))


def _freeze(version: PromptVersion) -> PromptText:
    return PromptText(
        prompt_id=version.prompt.pk,
        version_id=version.pk,
        name=version.prompt.name,
        title=version.prompt.title,
        number=version.number,
        content=version.content,
        content_hash=version.content_hash,
        kind=version.kind,
        syntax=version.syntax,
        config=version.config,
        template=as_template(version),
    )
