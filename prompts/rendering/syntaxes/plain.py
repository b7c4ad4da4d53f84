"""Plain text: braces are just braces."""

from prompts.rendering.syntaxes.parsed import Parsed

__all__ = ["parse"]


def parse(text: str) -> Parsed:
    """Return a text that is filled by itself."""
    return Parsed(fill=lambda _values, _included: text)
