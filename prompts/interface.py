"""The only door to prompts for other apps: it hands out frozen values, never models."""

from dataclasses import dataclass
from uuid import UUID

from prompts import selectors

__all__ = ["PromptText", "get_prompt_text"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptText:
    """What one version of a prompt says."""

    prompt_id: UUID
    """Key of the prompt."""
    version_id: UUID
    """Key of the version."""
    title: str
    """What people call the prompt."""
    number: int
    """Number of the version, from 1."""
    content: str
    """The text, exactly as it was saved."""
    content_hash: str
    """SHA-256 of the content in UTF-8, 64 hexadecimal characters."""


def get_prompt_text(*, prompt_id: UUID | str, number: int | None = None) -> PromptText:
    """Return version `number` of a prompt, or its current one.

    Raises:
        NotFoundError: there is no such prompt or version, or the prompt is deleted.
    """
    if number is None:
        number = selectors.get_prompt(prompt_id).current_version
    version = selectors.get_version(prompt_id, number)
    return PromptText(
        prompt_id=version.prompt.pk,
        version_id=version.pk,
        title=version.prompt.title,
        number=version.number,
        content=version.content,
        content_hash=version.content_hash,
    )
