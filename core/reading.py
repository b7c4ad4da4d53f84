"""Stored values as people read them: line breaks kept, lists as lists, documents as tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from django.contrib import admin
from django.db import models
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

__all__ = ["document_as_html", "find_reader", "messages_as_html", "text_as_html"]

NOTHING: Final = "–"
DEEPEST: Final = 12  # levels; deeper ones are too narrow to read, and Python's stack has an end
LONGEST_LIST: Final = 1000  # members; a browser is slow with more rows than that
MOST_COLUMNS: Final = 8  # of a table; with more, pairs are easier to read
Show = Callable[[Any], SafeString | str]


def text_as_html(text: str) -> SafeString | str:
    """Return a text whose line breaks and spaces are kept."""
    if not text:
        return NOTHING
    # dir="auto": prompts in Arabic or Hebrew begin at the right.
    return format_html('<div class="af-read" dir="auto">{}</div>', text)


def messages_as_html(messages: Iterable[tuple[str, str]]) -> SafeString:
    """Return a chat: role and text of each message."""
    cells = [(role, text_as_html(text)) for role, text in messages]
    parts = format_html_join(
        "", '<div class="af-message"><strong class="af-role">{}</strong>{}</div>', cells
    )
    return format_html('<div class="af-chat">{}</div>', parts)


def document_as_html(value: object, depth: int = 0) -> SafeString | str:
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


def _pairs(value: Mapping[str, object], depth: int) -> SafeString:
    pairs = [(name, document_as_html(part, depth)) for name, part in value.items()]
    rows = format_html_join("", "<dt>{}</dt><dd>{}</dd>", pairs)
    return format_html('<dl class="af-pairs">{}</dl>', rows)


def _items(values: Sequence[object], depth: int) -> SafeString:
    cells = [(document_as_html(part, depth),) for part in values[:LONGEST_LIST]]
    items = format_html_join("", "<li>{}</li>", cells)
    more: SafeString | str = ""
    if len(values) > LONGEST_LIST:
        more = format_html("<li>… ({})</li>", len(values))
    return format_html('<ul class="af-items">{}{}</ul>', items, more)


def _table(values: Sequence[Any], depth: int) -> SafeString | None:
    """Return objects as a table: a row each, a column for each name that any of them has."""
    if len(values) > LONGEST_LIST or not all(isinstance(entry, dict) for entry in values):
        return None
    names = list(dict.fromkeys(chain.from_iterable(values)))  # in the order of their first row
    if not 0 < len(names) <= MOST_COLUMNS:
        return None
    head = format_html_join("", '<th scope="col">{}</th>', [(name,) for name in names])
    rows = []
    for entry in values:
        cells = []
        for name in names:
            # Empty where there is no such name; a dash is for a value that is empty.
            cell = document_as_html(entry[name], depth) if name in entry else ""
            cells.append((cell,))
        rows.append((format_html_join("", "<td>{}</td>", cells),))
    body = format_html_join("", "<tr>{}</tr>", rows)
    # tabindex and a label: what scrolls sideways must be reached by the keyboard, and be named.
    return format_html(
        '<div class="wk-scroll" tabindex="0" role="group" aria-label="{}"><table class="wk-table">'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
        _("Table"),
        head,
        body,
    )


def find_reader(field: models.Field[object, object]) -> Show | None:
    """Return what shows a model's field to readers, None where Django's own way does."""
    if isinstance(field, models.JSONField):
        show: Show = document_as_html
    elif isinstance(field, models.TextField):
        show = text_as_html
    else:
        return None

    @admin.display(description=field.verbose_name)
    def read(row: object) -> SafeString | str:
        return show(getattr(row, field.name))

    # The admin tells the columns of a page apart by their functions' names.
    read.__name__ = f"read_{field.name}"
    return read
