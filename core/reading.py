"""Stored values as people read them: line breaks kept, lists as lists, documents as tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from django.db import models
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

__all__ = ["document_as_html", "find_reader", "messages_as_html", "text_as_html"]

NOTHING: Final = "–"
DEEPEST: Final = 12
LONGEST_LIST: Final = 1000
Show = Callable[[Any], SafeString | str]


def text_as_html(text: str) -> SafeString | str:
    """Return a text whose line breaks and spaces are kept."""
    return format_html('<div class="af-read" dir="auto">{}</div>', text) if text else NOTHING


def messages_as_html(messages: Iterable[tuple[str, str]]) -> SafeString:
    """Return a chat: role and text of each message."""
    parts = format_html_join(
        "",
        '<div class="af-message"><strong class="af-role">{}</strong>{}</div>',
        ((role, text_as_html(text)) for role, text in messages),
    )
    return format_html('<div class="af-chat">{}</div>', parts)


def document_as_html(value: Any, depth: int = 0) -> SafeString | str:
    """Return a JSON document without its brackets and quotation marks."""
    if value in (None, "", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if not isinstance(value, dict | list):
        return text_as_html(str(value))
    if depth == DEEPEST:
        return "…"
    if isinstance(value, dict):
        return _pairs(value, depth + 1)
    return _table(value, depth + 1) or _items(value, depth + 1)


def _pairs(value: Mapping[str, Any], depth: int) -> SafeString:
    pairs = ((name, document_as_html(part, depth)) for name, part in value.items())
    rows = format_html_join("", "<dt>{}</dt><dd>{}</dd>", pairs)
    return format_html('<dl class="af-pairs">{}</dl>', rows)


def _items(values: Sequence[Any], depth: int) -> SafeString:
    shown = ((document_as_html(part, depth),) for part in values[:LONGEST_LIST])
    more = format_html("<li>… ({})</li>", len(values)) if len(values) > LONGEST_LIST else ""
    return format_html(
        '<ul class="af-items">{}{}</ul>', format_html_join("", "<li>{}</li>", shown), more
    )


def _table(values: Sequence[Any], depth: int) -> SafeString | None:
    """Return objects as a table: a row each, a column for each name that any of them has."""
    if len(values) > LONGEST_LIST or not all(isinstance(entry, dict) for entry in values):
        return None
    names = list(dict.fromkeys(name for entry in values for name in entry))
    if not 0 < len(names) <= 8:
        return None
    head = format_html_join("", '<th scope="col">{}</th>', ((name,) for name in names))
    rows = [
        format_html_join(
            "",
            "<td>{}</td>",
            ((document_as_html(entry[name], depth) if name in entry else "",) for name in names),
        )
        for entry in values
    ]
    body = format_html_join("", "<tr>{}</tr>", ((row,) for row in rows))
    table = (
        '<div class="wk-scroll" tabindex="0" role="group" aria-label="{}"><table class="wk-table">'
    )
    table += "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    return format_html(table, _("Table"), head, body)


def find_reader(field: models.Field[Any, Any]) -> Show | None:
    """Return what shows a model's field to readers, None where Django's own way does."""
    if isinstance(field, models.JSONField):
        show: Show = document_as_html
    elif isinstance(field, models.TextField):
        show = text_as_html
    else:
        return None

    def read(row: Any) -> SafeString | str:
        return show(getattr(row, field.name))

    read.__name__ = f"read_{field.name}"
    read.short_description = field.verbose_name  # type: ignore[attr-defined]  # the admin reads it
    return read
