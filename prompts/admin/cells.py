"""Bits of HTML: chips, a sparkline, and the workshop's own style and script."""

from collections.abc import Iterable, Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

__all__ = ["WORKSHOP_MEDIA", "chips", "label_chips", "sparkline"]

WIDTH = 72
HEIGHT = 20


class WORKSHOP_MEDIA:  # noqa: N801 (Django calls a class of this kind Media)
    """What the pages of the workshop load besides the theme's."""

    css = {"all": ["prompts/workshop.css"]}
    js = ["prompts/chat.js", "prompts/workshop.js"]


def chips(words: Iterable[object]) -> SafeString | str:
    """Return words as small boxes in a row."""
    cells = [(word,) for word in words]
    if not cells:
        return "–"
    boxes = format_html_join(" ", '<span class="wk-chip">{}</span>', cells)
    return format_html('<span class="wk-chips">{}</span>', boxes)


def label_chips(labels: Iterable[tuple[str, int]]) -> SafeString | str:
    """Return labels with the numbers of their versions as small boxes."""
    cells = [(name, name, number) for name, number in sorted(labels)]
    if not cells:
        return "–"
    boxes = format_html_join(
        " ", '<span class="wk-chip wk-label" data-label="{}">{} · v{}</span>', cells
    )
    return format_html('<span class="wk-chips">{}</span>', boxes)


def sparkline(scores: Sequence[float]) -> SafeString | str:
    """Return scores from 0 to 1 as a small line with the last one beside it."""
    if not scores:
        return "–"
    step = WIDTH / max(len(scores) - 1, 1)
    points = []
    for number, score in enumerate(scores):
        x = number * step
        y = (1 - score) * (HEIGHT - 4) + 2  # SVG counts from the top; the dot needs a margin
        points.append((round(x, 1), round(y, 1)))
    line = " ".join([f"{x},{y}" for x, y in points])
    numbers = ", ".join([f"{score:.2f}" for score in scores])
    described = _("Scores: %(scores)s") % {"scores": numbers}
    return format_html(
        '<span class="wk-spark"><svg width="{}" height="{}" role="img" aria-label="{}">'
        '<polyline points="{}" fill="none" stroke="currentColor" stroke-width="1.5"/>'
        '<circle cx="{}" cy="{}" r="2" fill="currentColor"/></svg>{}</span>',
        WIDTH + 4,
        HEIGHT,
        described,
        line,
        *points[-1],
        f"{scores[-1]:.2f}",
    )
