"""Deleting and restoring selected rows: what the pages say before, and what happens then."""

from typing import Any, cast

from django.contrib.admin.actions import delete_selected
from django.contrib.admin.models import DELETION, LogEntry
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.bulk.actions import BulkAction, Question
from core.bulk.jobs import REFUSALS, BulkResult, change_each

__all__ = ["DeleteSelected", "RestoreSelected", "log_deletions", "trash_sentences"]


def trash_sentences(count: int) -> list[str]:
    """Return what the trash means for so many rows."""
    goes = ngettext(
        "It will be moved to the trash and can be restored.",
        "They will be moved to the trash and can be restored.",
        count,
    )
    back = _("To restore it, choose “Deleted” under “state” in the list, then “Restore selected”.")
    return [goes, back]


def log_deletions(request: HttpRequest, rows: Any, reason: str = "") -> None:
    """Write into the admin's log who deleted which rows, and why."""
    LogEntry.objects.log_actions(
        user_id=cast("int", request.user.pk),
        queryset=rows,
        action_flag=DELETION,
        change_message=reason,
    )


class DeleteSelected(BulkAction):
    """Deletes: into the trash what has one, for good what has none. Replaces Django's own."""

    name = "delete_selected"
    title = delete_selected.short_description  # type: ignore[attr-defined]  # a decorator sets it
    permissions = ("delete",)
    asks = True
    is_destructive = True
    button = gettext_lazy("Delete")

    def ask(self, admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> Question:
        """Say what goes, where to, and what stands on it."""
        if hasattr(admin, "describe_deletion"):
            in_use = rows.filter(deleted_at__isnull=True)
            return Question(sentences=admin.describe_deletion(in_use))
        _objects, counts, denied, protected = admin.get_deleted_objects(rows, request)
        if denied or protected:
            return Question(refusal=_refusal(denied, protected))
        parts = [f"{count} {name}" for name, count in counts.items()]
        text = _("This permanently deletes: %(rows)s. It cannot be undone.")
        lost = text % {"rows": ", ".join(parts)}
        return Question(sentences=[lost])

    def run(self, admin: Any, request: HttpRequest, rows: QuerySet[Any], values: Any) -> BulkResult:
        """Delete a chunk at once, or row by row where one of them is refused."""
        if hasattr(admin, "describe_deletion"):
            rows = rows.filter(deleted_at__isnull=True)
        chunk = list(rows)
        # All at once first: one transaction and a few statements instead of a hundred.
        try:
            with transaction.atomic():
                log_deletions(request, chunk)
                admin.delete_queryset(request, rows)
        except REFUSALS:
            return change_each(chunk, lambda row: self._delete(admin, request, row))
        return BulkResult(changed=len(chunk))

    def _delete(self, admin: Any, request: HttpRequest, row: Any) -> bool:
        log_deletions(request, [row])
        admin.delete_model(request, row)
        return True

    def done(self, count: int, values: object) -> str:
        """Say how many were deleted."""
        text = ngettext("%(count)d deleted.", "%(count)d deleted.", count)
        return text % {"count": count}


def _refusal(denied: Any, protected: Any) -> str:
    if denied:
        names = ", ".join(sorted(map(str, denied)))
        sentence = _(
            "Related rows would be deleted too, and you do not have permission to "
            "delete: %(names)s."
        )
        return sentence % {"names": names}
    names = ", ".join(map(str, protected[:10]))
    sentence = _("%(count)d other rows depend on them and are protected: %(names)s.")
    return sentence % {"count": len(protected), "names": names}


class RestoreSelected(BulkAction):
    """Takes rows out of the trash."""

    name = "restore_selected"
    title = gettext_lazy("Restore selected")
    permissions = ("change",)

    def run(self, admin: Any, request: HttpRequest, rows: QuerySet[Any], values: Any) -> BulkResult:
        """Restore those of the chunk that are deleted."""
        outcome: BulkResult = admin.restore_rows(rows.filter(deleted_at__isnull=False))
        return outcome

    def done(self, count: int, values: object) -> str:
        """Say how many were restored."""
        text = ngettext("%(count)d item restored.", "%(count)d items restored.", count)
        return text % {"count": count}
