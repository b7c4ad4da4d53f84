"""Actions on many prompts at once."""

import io
from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as translate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from core.admin import TagsFormField
from core.bulk.actions import BulkAction, Question
from core.bulk.jobs import BulkResult, split_trash
from core.deleting import RestoreSelected, log_deletions
from core.errors import ApplicationError
from prompts import services
from prompts.admin.consequences import describe_losses, has_protected_label
from prompts.exporting import CONTENT_TYPES, WRITERS, TooLongError
from prompts.models import Prompt

__all__ = ["PROMPT_ACTIONS"]


class LabelForm(forms.Form):
    """Which label, and why.

    Args:
        data: what was sent, None at first.
        mover: who moves it; what no prompt could allow is refused before any is touched.
    """

    label = forms.CharField(
        label=_("Label"),
        max_length=40,
        initial="staging",
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("The label will point to the newest version of each prompt."),
    )
    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=500, widget=UnfoldAdminTextInputWidget()
    )

    def __init__(self, data: Any = None, *, mover: services.Actor) -> None:
        super().__init__(data)
        self.mover = mover

    def clean_label(self) -> str:
        """Refuse a label that is none, or that the person may not move."""
        label = str(self.cleaned_data["label"]).strip()
        try:
            services.check_mover(label, self.mover)
        except ApplicationError as error:
            raise forms.ValidationError(str(error)) from error
        return label


class PurgeForm(forms.Form):
    """Why prompts are removed for good.

    Args:
        data: what was sent, None at first.
        needs_reason: whether a protected label stands at one of them.
    """

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("It is recorded in the admin log."),
    )

    def __init__(self, data: Any = None, *, needs_reason: bool) -> None:
        super().__init__(data)
        self.fields["reason"].required = needs_reason


class TagForm(forms.Form):
    """Which tags."""

    tags = TagsFormField(label=_("Tags"), help_text=_("Comma-separated."))


class ExportForm(forms.Form):
    """Which format."""

    format = forms.ChoiceField(
        label=_("Format"),
        choices=[(name, name.upper()) for name in WRITERS],
        widget=UnfoldAdminSelectWidget(),
        help_text=_(
            "Exports the newest version of each prompt. To export all versions to a "
            "directory, use the export_prompts command."
        ),
    )


def _outcome(changes: services.Changes, failures: Sequence[tuple[str, str]] = ()) -> BulkResult:
    refused = [(str(prompt), str(error)) for prompt, error in changes.refused]
    return BulkResult(changed=changes.changed, failures=[*failures, *refused])


class RestorePrompts(RestoreSelected):
    """Takes prompts out of the trash, with who did it."""

    def run(self, admin: Any, request: HttpRequest, rows: QuerySet[Any], values: Any) -> BulkResult:
        """Restore those whose names are still free."""
        return _outcome(services.restore_prompts(rows, actor=request.user.get_username()))


class SetStatus(BulkAction):
    """Gives prompts a status.

    Args:
        name: the action's name.
        title: what the select box says.
        status: the status.
    """

    def __init__(self, name: str, title: str | Promise, status: Prompt.Status) -> None:
        self.name = name
        self.title = title
        self.status = status

    def run(self, admin: Any, request: HttpRequest, rows: QuerySet[Any], values: Any) -> BulkResult:
        """Set the status of those in use."""
        prompts, failures = split_trash(rows)
        actor = request.user.get_username()
        count = services.set_status(prompts, status=self.status, actor=actor)
        return BulkResult(changed=count, failures=failures)

    def done(self, count: int, values: object) -> str:
        """Say how many have the status now."""
        text = translate("%(count)d changed to “%(status)s”.")
        return text % {"count": count, "status": self.status.label}


class Unarchive(BulkAction):
    """Gives archived prompts their status from before."""

    name = "unarchive_selected"
    title = _("Unarchive")

    def run(self, admin: Any, request: HttpRequest, rows: QuerySet[Any], values: Any) -> BulkResult:
        """Unarchive those in use."""
        prompts, failures = split_trash(rows)
        count = services.unarchive_prompts(prompts, actor=request.user.get_username())
        return BulkResult(changed=count, failures=failures)

    def done(self, count: int, values: object) -> str:
        """Say how many are back."""
        text = ngettext("%(count)d item restored.", "%(count)d items restored.", count)
        return text % {"count": count}


class MoveLabel(BulkAction):
    """Lets a label stand at the newest version of each prompt."""

    name = "label_selected"
    title = _("Move a label…")
    button = _("Move a label")
    permissions = ("label",)
    form_class = LabelForm

    def build_form(
        self,
        data: object,
        admin: object,
        request: HttpRequest,
        rows: QuerySet[Any] | None = None,
    ) -> forms.Form:
        """Return the form, which knows what the person may."""
        return LabelForm(data, mover=services.Actor.from_user(request.user))

    def run(self, admin: Any, request: HttpRequest, rows: QuerySet[Any], values: Any) -> BulkResult:
        """Move it on each; a check that fails stops that prompt alone."""
        prompts, failures = split_trash(rows)
        mover = services.Actor.from_user(request.user)
        return _outcome(services.label_newest(prompts, mover=mover, **values), failures)


class AddTags(BulkAction):
    """Gives prompts tags."""

    name = "tag_selected"
    title = _("Add tags…")
    button = _("Add tags")
    form_class = TagForm

    def run(self, admin: Any, request: HttpRequest, rows: QuerySet[Any], values: Any) -> BulkResult:
        """Add them to each."""
        prompts, failures = split_trash(rows)
        actor = request.user.get_username()
        return _outcome(services.add_tags(prompts, tags=values["tags"], actor=actor), failures)


class Export(BulkAction):
    """Answers with a file of the prompts; nothing is changed."""

    name = "export_selected"
    title = _("Export…")
    button = _("Export")
    permissions = ("view",)
    form_class = ExportForm

    def ask(self, admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> Question:
        """Say what is left out."""
        count = rows.filter(deleted_at__isnull=False).count()
        text = ngettext(
            "%(count)d of them is in the trash and will not be exported.",
            "%(count)d of them are in the trash and will not be exported.",
            count,
        )
        sentences = []
        if count:
            sentences.append(text % {"count": count})
        return Question(sentences=sentences)

    def respond(
        self,
        admin: Any,
        request: HttpRequest,
        rows: QuerySet[Any],
        form: Any,
    ) -> HttpResponse | None:
        """Return the file; None where the rows do not fit into one, which the form says."""
        chosen = form.cleaned_data["format"]
        stream = io.BytesIO()
        in_use = rows.filter(deleted_at__isnull=True).order_by("name")
        try:
            WRITERS[chosen](services.list_records(in_use), stream)
        except TooLongError as error:
            form.add_error("format", str(error))
            return None
        response = HttpResponse(stream.getvalue(), content_type=CONTENT_TYPES[chosen])
        response["Content-Disposition"] = f'attachment; filename="prompts.{chosen}"'
        return response


class Purge(BulkAction):
    """Removes what is in the trash for good."""

    name = "purge_selected"
    title = _("Delete permanently")
    permissions = ("purge",)
    form_class = PurgeForm
    is_destructive = True

    def build_form(
        self,
        data: object,
        admin: Any,
        request: HttpRequest,
        rows: QuerySet[Any] | None = None,
    ) -> forms.Form:
        """Return the form; it wants a reason where a protected label stands."""
        needs_reason = rows is not None and has_protected_label(_deleted(rows))
        return PurgeForm(data, needs_reason=needs_reason)

    def ask(self, admin: object, request: HttpRequest, rows: QuerySet[Any]) -> Question:
        """Say what is lost with the prompts."""
        return Question(sentences=describe_losses(_deleted(rows)))

    def run(self, admin: Any, request: HttpRequest, rows: QuerySet[Any], values: Any) -> BulkResult:
        """Remove those of the chunk that are in the trash."""
        deleted = []
        failures = []
        for row in rows:
            if row.is_deleted:
                deleted.append(row)
            else:
                failures.append((str(row), translate("it is in use; delete it first")))
        # Before they go: the log names what is in the database.
        log_deletions(request, deleted, values.get("reason", ""))
        count = services.purge_prompts([row.pk for row in deleted])
        return BulkResult(changed=count, failures=failures)

    def done(self, count: int, values: object) -> str:
        """Say how many are gone."""
        text = ngettext("%(count)d permanently deleted.", "%(count)d permanently deleted.", count)
        return text % {"count": count}


def _deleted(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.filter(deleted_at__isnull=False)


PROMPT_ACTIONS: Final = (
    SetStatus("archive_selected", _("Archive selected prompts"), Prompt.Status.ARCHIVED),
    SetStatus("activate_selected", _("Activate selected prompts"), Prompt.Status.ACTIVE),
    Unarchive(),
    MoveLabel(),
    AddTags(),
    Export(),
    RestorePrompts(),
    Purge(),
)
"""In the order of the select box."""
