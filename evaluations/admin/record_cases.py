"""The action that makes test cases of records: its form, and what it says at the end."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from core.bulk.actions import BulkAction
from core.errors import ApplicationError, InvalidInputError
from evaluations.models import TestSuite
from evaluations.services.record_cases import MOST_RECORDS, CasesMade, make_cases

__all__ = ["CasesForm", "MakeCases"]

FIELDS: Final = {"suite": "suite", "name": "suite_name", "variable": "variable"}
"""What the service names → the field of the form; anything else is about the whole."""


class CasesForm(forms.Form):
    """Where the cases go, and what is in them."""

    suite = forms.ModelChoiceField(
        label=_("Test suite"),
        queryset=TestSuite.objects.order_by("name"),
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text=_("The suite that gets the cases."),
    )
    suite_name = forms.CharField(
        label=_("New suite"),
        required=False,
        max_length=255,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Name of a new suite, instead of choosing one."),
    )
    variable = forms.CharField(
        label=_("Variable"),
        initial="input",
        max_length=100,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Gets the user's last message where the variables are not known."),
    )
    expect_answer = forms.BooleanField(
        label=_("Expect the answer"),
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text=_("Store each answer as the expected answer."),
    )


class MakeCases(BulkAction):
    """Makes a test case of each record."""

    name = "make_cases"
    title = _("Make test cases")
    permissions = ("make_cases",)
    form_class = CasesForm

    def respond(
        self, admin: Any, request: HttpRequest, rows: QuerySet[Any], form: Any
    ) -> HttpResponse | None:
        """Make all of them at once, or say at the form why none was."""
        values = form.cleaned_data
        if values["suite_name"] and not request.user.has_perm("evaluations.add_testsuite"):
            form.add_error("suite_name", _("You do not have permission to create a test suite."))
            return None
        suite = values["suite"]
        keys = rows.order_by("pk").values_list("pk", flat=True)
        try:
            made = make_cases(
                record_ids=list(keys[: MOST_RECORDS + 1]),
                suite_id=None if suite is None else suite.pk,
                suite_name=values["suite_name"],
                variable=values["variable"],
                expect_answer=values["expect_answer"],
            )
        except InvalidInputError as error:
            for name, sentence in error.problems.items():
                form.add_error(FIELDS.get(name), str(sentence))
            return None
        except ApplicationError as error:
            form.add_error(None, str(error))
            return None
        _report(request, made)
        return HttpResponseRedirect(reverse("admin:evaluations_callrecord_changelist"))


def _report(request: HttpRequest, made: CasesMade) -> None:
    address = reverse("admin:evaluations_testsuite_change", args=[made.suite.pk])
    link = format_html('<a class="wk-link" href="{}">{}</a>', address, made.suite.name)
    text = ngettext("%(count)d test case made:", "%(count)d test cases made:", made.made)
    level = messages.SUCCESS if made.made else messages.WARNING
    messages.add_message(request, level, format_html("{} {}", text % {"count": made.made}, link))
    if made.repeated:
        text = ngettext(
            "%(count)d record has a test case in this suite already.",
            "%(count)d records have test cases in this suite already.",
            made.repeated,
        )
        messages.warning(request, text % {"count": made.repeated})
    if made.empty:
        text = ngettext(
            "%(count)d record does not say what was asked.",
            "%(count)d records do not say what was asked.",
            made.empty,
        )
        messages.warning(request, text % {"count": made.empty})
