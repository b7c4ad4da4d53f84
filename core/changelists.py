"""Which parameters the address of a list in the admin may have: those that the list itself offers.

Django takes any lookup of any field there: `?content__regex=` runs Python's `re` in the database's
thread, and `?user__password__startswith=` tells a secret letter by letter. Here a name or a value
that no filter, heading, page or link of the list could have sent is a message, and no query.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from django.contrib import messages
from django.contrib.admin import ModelAdmin, SimpleListFilter, filters
from django.contrib.admin.exceptions import DisallowedModelAdminLookup, DisallowedModelAdminToField
from django.contrib.admin.options import (
    IS_FACETS_VAR,
    IS_POPUP_VAR,
    TO_FIELD_VAR,
    IncorrectLookupParameters,
)
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import (
    ALL_VAR,
    ORDER_VAR,
    PAGE_VAR,
    SEARCH_VAR,
)
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DataError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

Values = Collection[str] | re.Pattern[str] | None
"""What a parameter may be; None: its filter finds out."""

__all__ = ["MAX_SEARCH", "MAX_WORDS", "Admin", "CheckedListMixin", "is_searchable"]

MAX_SEARCH: Final = 1000  # characters of what is searched for
MAX_WORDS: Final = 32  # each is a condition on every field that is searched; SQLite takes few
MAX_VALUE: Final = 300  # characters of one value
MAX_PARAMETERS: Final = 50  # far more than a list has filters; each one is looked at
EXCERPT: Final = 60  # characters of a name or a value in a message
CONTROL: Final = re.compile(r"[\0-\x08\x0e-\x1f]")
# What Django's own parameters look like where the list wrote them.
SHAPES: Final = {
    ORDER_VAR: re.compile(r"(?:-?\d{1,2}(?:\.-?\d{1,2}){0,20})?\Z"),
    PAGE_VAR: re.compile(r"[1-9]\d{0,6}\Z"),
    ALL_VAR: re.compile(r"[\w-]{0,10}\Z"),
    IS_FACETS_VAR: re.compile(r"\w{0,10}\Z"),
    IS_POPUP_VAR: re.compile(r"1\Z"),
    TO_FIELD_VAR: re.compile(r"\w{1,100}\Z"),
}
DATES: Final = {
    "year": re.compile(r"[1-9]\d{3}\Z"),
    "month": re.compile(r"(?:0?[1-9]|1[0-2])\Z"),
    "day": re.compile(r"(?:0?[1-9]|[12]\d|3[01])\Z"),
}
TRUTHS: Final = frozenset({"0", "1", "True", "False"})
UNUSABLE: Final = (
    *(IncorrectLookupParameters, DisallowedModelAdminLookup, DisallowedModelAdminToField),
    *(ValidationError, ValueError, TypeError, OverflowError, DataError),
)


def is_searchable(text: str) -> bool:
    """Whether a text is short enough, and of few enough words, to be searched for."""
    return len(text) <= MAX_SEARCH and "\0" not in text and len(text.split()) <= MAX_WORDS


if TYPE_CHECKING:
    # What a mixin stands before. Not at run time: unfold's admin follows there, not Django's.
    Admin = ModelAdmin[Any]
else:
    Admin = object


class CheckedListMixin(Admin):
    """Refuses what a list does not offer; stands before Django's `ModelAdmin`."""

    linked_lookups: ClassVar[tuple[str, ...]] = ()
    """Lookups that links of our own pages send, besides those of the filters."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list, or say what of its address it does not offer and show the whole list."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        problem = self._find_problem(request)
        if problem:
            return _lead_to_whole_list(request, problem)
        try:
            return super().changelist_view(request, extra_context)
        except _UnusableError:
            return _lead_to_whole_list(request, _("A value in the URL does not match any filter."))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list; values that no filter takes are told apart from errors of ours."""
        try:
            changelist = super().get_changelist_instance(request)
        except UNUSABLE as error:
            if not request.GET:
                raise  # not the address's fault
            raise _UnusableError from error
        # Where all rows fit on one page, Django takes any number for it.
        if changelist.page_num > max(1, changelist.paginator.num_pages):
            raise _UnusableError
        return changelist

    def lookup_allowed(self, lookup: str, value: object, request: HttpRequest) -> bool:
        """Allow what the list offers; the address has been checked for it before."""
        return lookup in self.find_lookups(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search; nothing is found for a text that is too long (of a box that completes names)."""
        if not is_searchable(search_term):
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def find_lookups(self, request: HttpRequest) -> dict[str, Values]:
        """Return what filters, the dates' navigation and our own links send, with the values."""
        lookups: dict[str, Values] = dict.fromkeys(self.linked_lookups)
        if self.date_hierarchy:
            for unit, pattern in DATES.items():
                lookups[f"{self.date_hierarchy}__{unit}"] = pattern
        for list_filter in self.get_list_filter(request):
            if isinstance(list_filter, type) and issubclass(list_filter, SimpleListFilter):
                name = str(list_filter.parameter_name)
                if name in self.linked_lookups:
                    continue  # our own links send what the filter does not offer by itself
                instance = list_filter(request, {}, self.model, cast("Any", self))
                lookups[name] = {str(value) for value, _label in instance.lookup_choices}
            else:
                lookups.update(_list_lookups(list_filter, self.model))
        return lookups

    def _find_problem(self, request: HttpRequest) -> str:
        """Return one sentence about the first parameter that is not offered, "" if all are."""
        if len(request.GET) > MAX_PARAMETERS:
            return _("The URL has too many parameters.")
        lookups = self.find_lookups(request)
        for name, values in request.GET.lists():
            for value in values:
                problem = self._find_value_problem(request, name, value, lookups)
                if problem:
                    return problem
        return ""

    def _find_value_problem(
        self, request: HttpRequest, name: str, value: str, lookups: Mapping[str, Values]
    ) -> str:
        if name == SEARCH_VAR:
            return _find_search_problem(value)
        if name in SHAPES:
            is_allowed = self._is_allowed_by_django(request, name, value)
        elif name in lookups:
            is_allowed = _is_value(value, lookups[name]) and self._has_larger_unit(request, name)
        else:
            return _("This list has no filter “%(name)s”.") % {"name": _shorten(name)}
        return "" if is_allowed else _describe(name, value)

    def _is_allowed_by_django(self, request: HttpRequest, name: str, value: str) -> bool:
        """Whether one of Django's own parameters has a value that this list could have written."""
        if not SHAPES[name].match(value):
            return False
        if name == TO_FIELD_VAR:
            return self.to_field_allowed(request, value)
        if name == ORDER_VAR:
            # Django passes over a column that is not there, and would sort by the others.
            columns = [int(column) for column in re.findall(r"\d+", value)]
            return max(columns, default=0) <= len(self.get_list_display(request))
        return True

    def _has_larger_unit(self, request: HttpRequest, name: str) -> bool:
        """Whether a month of the dates' navigation has its year, a day its month.

        Alone each would be another lookup: every May of all years.
        """
        date, _separator, unit = name.rpartition("__")
        if date != self.date_hierarchy:
            return True
        if unit == "month":
            return f"{date}__year" in request.GET
        if unit == "day":
            return f"{date}__month" in request.GET
        return True


class _UnusableError(Exception):
    """A value of an address is none that its filter can take."""


def _is_value(value: str, values: Values) -> bool:
    """Whether a filter may have sent a value; an empty one is what a form of filters sends."""
    if len(value) > MAX_VALUE or CONTROL.search(value):
        return False
    if not value or values is None:
        return True
    if isinstance(values, re.Pattern):
        return values.match(value) is not None
    return value in values


def _list_lookups(list_filter: Any, model: Any) -> Iterator[tuple[str, Values]]:
    """Yield the parameters of a field in `list_filter`, without asking the database."""
    path: Any = list_filter
    kind: Any = None
    if isinstance(list_filter, tuple | list):  # a field with its class of filter
        path, kind = list_filter
    field: Any = get_fields_from_path(model, path)[-1]
    if kind is None:
        kind = _find_filter_class(field)
    yield f"{path}__isnull", TRUTHS
    if issubclass(kind, filters.RelatedFieldListFilter):
        yield f"{path}__{field.target_field.name}__exact", None
    elif issubclass(kind, filters.DateFieldListFilter):
        yield f"{path}__gte", None
        yield f"{path}__lt", None
    elif issubclass(kind, filters.AllValuesFieldListFilter):
        yield path, None
    elif issubclass(kind, filters.EmptyFieldListFilter):
        yield f"{path}__isempty", TRUTHS
    elif field.flatchoices:
        yield f"{path}__exact", {str(value) for value, _label in field.flatchoices}
    else:  # of yes or no
        yield f"{path}__exact", TRUTHS


def _find_filter_class(field: object) -> type[Any]:
    """Return the filter that Django makes for a field."""
    # The table has no public name, and making a filter asks the database for its choices.
    registered: list[tuple[Any, type[Any]]] = vars(filters.FieldListFilter)["_field_list_filters"]
    return next(kind for test, kind in registered if test(field))


def _find_search_problem(text: str) -> str:
    if is_searchable(text):
        return ""
    limits = {"words": MAX_WORDS, "characters": MAX_SEARCH}
    return _("Search for up to %(words)d words and %(characters)d characters.") % limits


def _describe(name: str, value: str) -> str:
    excerpts = {"name": _shorten(name), "value": _shorten(value)}
    return _("“%(value)s” is not a valid value for “%(name)s”.") % excerpts


def _shorten(text: str) -> str:
    plain = ""
    for sign in text[:EXCERPT]:
        plain += sign if sign.isprintable() else "�"
    if len(text) > EXCERPT:
        return f"{plain}…"
    return plain


def _lead_to_whole_list(request: HttpRequest, problem: str) -> HttpResponse:
    """Say what was wrong, and go to the list without parameters."""
    text = _("%(problem)s Showing the whole list.") % {"problem": problem}
    messages.error(request, text)
    address = request.path
    if request.GET.get(IS_POPUP_VAR) == "1":  # else the popup would become a whole page
        address += f"?{IS_POPUP_VAR}=1"
    return HttpResponseRedirect(address)
