"""Texts of models on pages."""

import re
from itertools import pairwise
from typing import Any, Final

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

__all__ = ["breakable"]

register = template.Library()

BREAK: Final = SafeString("<wbr>")
LONG: Final = re.compile(r"[!-~]{300,}")
STEP: Final = 100


@register.filter
def breakable(text: Any) -> SafeString:
    """Return a text, escaped, that may break inside of very long words.

    A browser takes seconds to break a word of 10,000 letters by itself; nothing is shown or copied
    otherwise.
    """
    said = str(text)
    places = [
        place
        for word in LONG.finditer(said)
        for place in range(word.start() + STEP, word.end(), STEP)
    ]
    pieces = pairwise([0, *places, len(said)])
    return format_html_join(BREAK, "{}", ((said[start:end],) for start, end in pieces))
