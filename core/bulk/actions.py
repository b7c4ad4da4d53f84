"""What an action on many rows is: its name, its form, its question, and what it does to a chunk."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import ngettext

from core.bulk import pages
from core.bulk.jobs import BulkResult

__all__ = ["BulkAction", "Question"]

Text = str | Promise  # a sentence, translated at once or when it is shown


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What a page says before an action is carried out."""

    sentences: Sequence[Text] = ()
    """What will happen, one thought each."""
    refusal: Text = ""
    """Why it cannot happen at all; empty: it can."""


class BulkAction:
    """An action of a list; an instance stands in the `actions` of a ModelAdmin.

    Django calls it with the selected rows. Subclasses name it, and say in `run` what happens to a
    chunk; those with a form or a question show a page first.
    """

    name = ""
    title: Text = ""
    permissions: Sequence[str] = ("change",)
    form_class: type[forms.Form] | None = None
    asks = False
    """Whether a page asks first, even without a form."""
    is_destructive = False
    """Whether the page's button warns."""

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def short_description(self) -> Text:
        """What the select box says."""
        return self.title

    @property
    def allowed_permissions(self) -> Sequence[str]:
        """Which permissions Django asks the admin for."""
        return self.permissions

    @property
    def has_page(self) -> bool:
        """Whether a page comes before anything is done."""
        return self.asks or self.form_class is not None

    @property
    def button(self) -> object:
        """What the button of its page says."""
        return str(self.title).rstrip("….")

    def run(
        self, admin: object, request: HttpRequest, rows: QuerySet[Any], values: Any
    ) -> BulkResult:
        """Do it to a chunk of rows.

        Args:
            admin: the model's admin.
            request: of the person who does it.
            rows: those of the chunk that are still there, deleted ones included.
            values: the cleaned data of the form.
        """
        raise NotImplementedError

    def done(self, count: int, values: object) -> str:
        """Return the sentence that says how many rows were changed."""
        text = ngettext("%(count)d updated.", "%(count)d updated.", count)
        return text % {"count": count}

    def build_form(
        self,
        data: Any,
        admin: Any,
        request: HttpRequest,
        rows: QuerySet[Any] | None = None,
    ) -> forms.Form | None:
        """Return the form of the page; None: there is none.

        Args:
            data: what was sent, None at first.
            admin: the model's admin.
            request: of the person.
            rows: all that are selected; None where what was sent has been checked with them.
        """
        if self.form_class is None:
            return None
        return self.form_class(data)

    def ask(self, admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> Question:
        """Return what the page says before it is carried out."""
        return Question()

    def respond(
        self,
        admin: Any,
        request: HttpRequest,
        rows: QuerySet[Any],
        form: object,
    ) -> HttpResponse | None:
        """Return the answer of an action that changes nothing, None: go through the rows."""
        return None

    def __call__(
        self, admin: object, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        """Begin: what Django calls for the list's button."""
        return pages.begin(self, admin, request, queryset)
