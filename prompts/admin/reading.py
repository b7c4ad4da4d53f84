"""A prompt's text for readers: a chat as its messages, everything else as it stands."""

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.reading import messages_as_html, text_as_html
from prompts.models import Prompt, PromptVersion
from prompts.rendering import PLACEHOLDER, ContractError, Placeholder, parse_messages

__all__ = ["content_as_html", "content_as_text"]


@display(description=_("content"))
def content_as_html(row: Prompt | PromptVersion) -> SafeString | str:
    """Return the content of a prompt or a version."""
    messages = _messages(row.kind, row.content)
    if messages:
        return messages_as_html(messages)
    return text_as_html(row.content)


def content_as_text(kind: str, content: str) -> str:
    """Return the content for a comparison line by line: of a chat the role, then its lines.

    A placeholder stands there as a message would, with its name as the only line.
    """
    messages = _messages(kind, content)
    if not messages:
        return content
    parts = [f"{role}:\n{text}" for role, text in messages]
    return "\n\n".join(parts)


def _messages(kind: str, content: str) -> list[tuple[str, str]]:
    if kind != Prompt.Kind.CHAT:
        return []
    try:
        entries = parse_messages(content)
    except ContractError:
        return []
    messages = []
    for entry in entries:
        if isinstance(entry, Placeholder):
            messages.append((PLACEHOLDER, entry.name))
        else:
            messages.append((entry.role, entry.text))
    return messages
