"""What lists and forms of evaluations share: their style, and cells of two lines."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

__all__ = ["PAGE_MEDIA", "named"]


class PAGE_MEDIA:  # noqa: N801 (Django calls a class of this kind Media)
    """What the pages of evaluations load besides the theme's."""

    css = {"all": ["prompts/workshop.css", "evaluations/runs.css"]}


def named(name: str, below: str) -> SafeString | str:
    """Return a name with what belongs to it in small letters below."""
    return format_html('{}<span class="wk-below">{}</span>', name, below) if below else name
