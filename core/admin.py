"""What the admins of both domains share: the theme, soft delete, JSON and tags in forms."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from core.bulk.jobs import BulkResult
from core.changelists import Admin, CheckedListMixin
from core.deleting import RestoreSelected, trash_sentences
from core.reading import find_reader
from core.validators import validate_json_document

__all__ = [
    "Admin",
    "BaseAdmin",
    "BulkMixin",
    "DocumentFormField",
    "ExactTextFormField",
    "ModelForm",
    "NamedForm",
    "SoftDeleteAdmin",
    "StateFilter",
    "TagsFormField",
    "first_line",
    "map_fields",
]

ROWS_A_PAGE = 50
STAMPS = ("created_at", "updated_at")  # the database sets them when the row is written
SAVED_SECONDS = 60  # until the next page has read it


if TYPE_CHECKING:
    # Django's types are generic, its classes are not.
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm


class BulkMixin(Admin):
    """A list whose selected rows are named by a browser: keys that are none are told."""

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Carry an action out; Django's answer to a key that is none would be an error page."""
        keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if request.POST.get("select_across", "0") != "0":
            keys = []  # all rows of the list: Django reads no keys then
        try:
            _check_keys(queryset, keys)
        except (ValidationError, ValueError):
            text = _("The selection contains an invalid row. Select the rows in the list again.")
            messages.error(request, text)
            return None
        return super().response_action(request, queryset, *args, **kwargs)


def _check_keys(queryset: QuerySet[Any], keys: list[str]) -> None:
    """Refuse keys that the model cannot have, without asking the database.

    Raises:
        ValidationError, ValueError: one is no key, or a number that no column holds.
    """
    field = queryset.model._meta.pk
    for key in keys:
        field.run_validators(field.to_python(key))


class BaseAdmin(BulkMixin, CheckedListMixin, ModelAdmin):
    """A model's pages: no count of all rows, no select box of all rows.

    Django's admin would write the rows itself. Here each admin names the service that does, in
    `save_model` and `delete_rows`, and nothing is written where it names none.
    """

    list_per_page = ROWS_A_PAGE
    show_full_result_count = False  # else Django counts the whole table for each filtered list
    list_fullwidth = True
    warn_unsaved_form = True
    change_form_before_template = "admin/keep_typed.html"

    def get_fieldsets(self, request: HttpRequest, obj: object = None) -> Any:
        """Leave out times that are not yet; show to readers what they can read."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None:
            return map_fields(fieldsets, lambda name: None if name in STAMPS else name)
        if self.has_change_permission(request, obj):
            return fieldsets
        return map_fields(fieldsets, lambda name: self.readers.get(name, name))

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> Any:
        """Add what shows fields to readers."""
        fields = super().get_readonly_fields(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fields
        return (*fields, *self.readers.values())

    @cached_property
    def readers(self) -> dict[str, Any]:
        """Field's name → what shows it to those who may not edit."""
        readers = {}
        for field in self.opts.concrete_fields:
            reader = find_reader(field)
            if reader is not None:
                readers[field.name] = reader
        return readers

    def save_model(self, request: HttpRequest, obj: object, form: object, change: bool) -> None:
        """Create or change a row by its service.

        Raises:
            NotImplementedError: the admin names no service.
        """
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete the row of a page by its service."""
        self.delete_rows(request, [obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete the rows of a list by their service."""
        self.delete_rows(request, list(queryset.order_by().values_list("pk", flat=True)))

    def delete_rows(self, request: HttpRequest, keys: Sequence[object]) -> None:
        """Delete the rows of these keys by their service.

        Raises:
            NotImplementedError: the admin names no service.
        """
        raise NotImplementedError

    def response_add(self, request: HttpRequest, obj: object, *args: Any, **kwargs: Any) -> Any:
        """Say to the browser that its draft is saved."""
        return _say_saved(request, super().response_add(request, obj, *args, **kwargs))

    def response_change(self, request: HttpRequest, obj: object) -> Any:
        """Say to the browser that its draft is saved."""
        return _say_saved(request, super().response_change(request, obj))


def map_fields(fieldsets: Any, change: Callable[[Any], Any]) -> Any:
    """Return fieldsets with each field changed, and without those that become None."""

    def change_entry(entry: object) -> Any:
        if not isinstance(entry, list | tuple):
            return change(entry)
        # Several fields on one line of the form.
        fields = [change(field) for field in entry]
        return tuple(filter(None, fields))

    mapped = []
    for title, options in fieldsets:
        # Each once: Django's checks refuse a fieldset that names a field twice.
        fields = dict.fromkeys(map(change_entry, options["fields"]))
        remaining = tuple(filter(None, fields))
        mapped.append((title, {**options, "fields": remaining}))
    return mapped


def _say_saved(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    # A script reads it; it names the draft, and lets nobody in.
    response.set_cookie(
        "autoforge-saved",
        quote(f"{request.user.pk}:{request.path}", safe=""),
        max_age=SAVED_SECONDS,
        path=reverse("admin:index"),
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )
    return response


class StateFilter(admin.SimpleListFilter):
    """Rows in use (the default), deleted ones, or all."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, Any]]:
        """Return the choices besides the default."""
        return [("deleted", _("Deleted")), ("all", _("All"))]

    def choices(self, changelist: Any) -> Any:
        """Call the default "In use", not "All"."""
        default, *others = super().choices(changelist)
        yield default | {"display": _("In use")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen state."""
        if self.value() == "all":
            return queryset
        return queryset.filter(deleted_at__isnull=self.value() != "deleted")


class SoftDeleteAdmin(BaseAdmin):
    """Pages of rows that are deleted softly: deleted ones are read-only and can be restored."""

    list_filter: ClassVar[Any] = (StateFilter,)
    actions: Any = (RestoreSelected(),)
    delete_confirmation_template = "admin/trash_confirmation.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return every row; the filter chooses."""
        queryset: QuerySet[Any] = self.model.all_objects.get_queryset()
        return queryset.order_by(*self.get_ordering(request) or self.model._meta.ordering)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say no for a deleted row: it is shown, and restored from the list."""
        if obj is not None and obj.deleted_at is not None:
            return False
        return bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say no for a deleted row."""
        if obj is not None and obj.deleted_at is not None:
            return False
        return bool(super().has_delete_permission(request, obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name the rows alone: what hangs on them stays."""
        rows = [str(obj) for obj in objs]
        counts = {str(self.opts.verbose_name_plural): len(rows)}
        denied = set()
        if not self.has_delete_permission(request):
            denied.add(self.opts.verbose_name)
        return rows, counts, denied, []

    def restore_rows(self, rows: QuerySet[Any]) -> BulkResult:
        """Take deleted rows back by their service.

        Raises:
            NotImplementedError: the admin names no service.
        """
        raise NotImplementedError

    def describe_deletion(self, rows: QuerySet[Any]) -> list[str]:
        """Return what deleting these rows means, one thought each."""
        return trash_sentences(rows.count())

    def render_delete_form(self, request: HttpRequest, context: dict[str, Any]) -> Any:
        """Say on the page what deleting means."""
        rows = self.model.all_objects.filter(pk=context["object"].pk)
        context = {**context, "sentences": self.describe_deletion(rows)}
        return super().render_delete_form(request, context)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> Any:
        """Say where the row is now: Django would say that it is gone."""
        if IS_POPUP_VAR in request.POST:
            return super().response_delete(request, obj_display, obj_id)
        text = _("“%(name)s” is in the trash. To restore it, choose “Deleted” under “state”.")
        self.message_user(request, text % {"name": obj_display}, messages.SUCCESS)
        address = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        filters: dict[str, Any] = {
            "preserved_filters": self.get_preserved_filters(request),
            "opts": self.opts,
        }
        return HttpResponseRedirect(add_preserved_filters(filters, address))


class NamedForm(ModelForm):
    """A form of rows whose name no other row in use has.

    Django checks a constraint with a condition only where its fields are in the form, and
    `deleted_at` is not.
    """

    def clean_name(self) -> str:
        """Refuse a name that is taken."""
        name = str(self.cleaned_data["name"])
        model = type(self.instance)
        if model.objects.filter(name=name).exclude(pk=self.instance.pk).exists():
            # The constraint has the sentence: the same one that a write past this form gets.
            rule = next(rule for rule in model._meta.constraints if "name_unique" in rule.name)
            raise forms.ValidationError(rule.get_violation_error_message(), code="unique")
        return name


class ExactTextFormField(forms.CharField):
    """A text area that gives back exactly what was there unless somebody changes it.

    Browsers send every line end as CR LF. Those become LF, except where nothing but line ends
    would differ: then the text stays as it is stored. White space at the ends is kept.
    """

    stored = ""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": 16}))
        super().__init__(strip=False, **kwargs)

    def clean(self, value: object) -> Any:
        """Return the text as it is to be stored."""
        text = super().clean(value).replace("\r\n", "\n")
        if text == self.stored.replace("\r\n", "\n"):
            return self.stored
        return text


class TagsFormField(forms.CharField):
    """Tags as words with commas between them; Japanese commas count too."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", UnfoldAdminTextInputWidget())
        super().__init__(**kwargs)

    def prepare_value(self, value: object) -> Any:
        """Return the text of the input."""
        if isinstance(value, list):
            return ", ".join(map(str, value))
        return value  # what was typed, of a form with errors

    def to_python(self, value: object) -> Any:
        """Return the list of tags, each once."""
        text = str(value or "").replace("、", ",").replace("，", ",")
        tags = []
        for word in text.split(","):
            tag = word.strip()
            if tag and tag not in tags:
                tags.append(tag)
        return tags

    def has_changed(self, initial: object, data: object) -> bool:
        """Compare lists."""
        return bool(self.to_python(data) != (initial or []))


class DocumentFormField(forms.JSONField):
    """A JSON document; what is not JSON is refused with its line and column."""

    default_validators = [validate_json_document]
    empty_values = (None,)  # an empty list is looked at as well

    def __init__(self, **kwargs: Any) -> None:
        self.empty: Any = kwargs.pop("empty")
        kwargs.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": 5}))
        super().__init__(required=False, **kwargs)

    def bound_data(self, data: object, initial: object) -> Any:
        """Show what was typed just as it was typed, be it JSON or not."""
        return InvalidJSONInput(data or "")

    def prepare_value(self, value: object) -> Any:
        """Return the text of the input; what was left empty shows the empty document."""
        if value is None:
            value = self.empty
        return super().prepare_value(value)

    def to_python(self, value: object) -> Any:
        """Return the document, the empty one where nothing was written."""
        if isinstance(value, str) and not value.strip():
            return self.empty
        if isinstance(value, str):
            # Read here first: Django's own message does not say where the fault is.
            try:
                json.loads(value)
            except RecursionError:
                raise forms.ValidationError(
                    _("The JSON is nested too deeply."), code="depth"
                ) from None
            except json.JSONDecodeError as error:
                raise forms.ValidationError(
                    _("Invalid JSON: %(problem)s at line %(line)d, column %(column)d."),
                    code="invalid",
                    params={"problem": error.msg, "line": error.lineno, "column": error.colno},
                ) from None
            except ValueError:  # Python reads no number of more than 4300 digits
                raise forms.ValidationError(
                    _("contains a number with more than 1,200 digits; write it as a string"),
                    code="digits",
                ) from None
        document = super().to_python(value)
        if document is None:
            return self.empty
        return document


def first_line(text: str, length: int = 80) -> str:
    """Return the beginning of `text` on one line, for a list."""
    line = " ".join(text[: length * 2].split())
    if len(line) <= length:
        return line
    return f"{line[: length - 1]}…"
