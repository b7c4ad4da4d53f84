"""The log of webhooks in the admin: what was sent, what came back, and sending it again."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display

from core.admin import BaseAdmin
from core.bulk.actions import BulkAction
from core.bulk.jobs import BulkResult
from core.events.models import WebhookDelivery
from core.events.services import deliveries
from core.events.types import TEST_EVENT, list_event_types

__all__ = ["WebhookDeliveryAdmin"]

STATUS_COLOURS = {"pending": "info", "delivered": "success", "failed": "danger"}


class EventTypeFilter(admin.SimpleListFilter):
    """Deliveries of one type of event."""

    title = _("event")
    parameter_name = "event_type"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return every type there is, without asking the database."""
        return [(name, name) for name in (*list_event_types(), TEST_EVENT)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen type."""
        chosen = self.value()
        return queryset.filter(event_type=chosen) if chosen else queryset


class RedeliverSelected(BulkAction):
    """Sends deliveries again, with the same id: a receiver can tell what it has already."""

    name = "redeliver"
    title = _("Send again")
    permissions = ("redeliver",)

    def run(self, admin: Any, request: HttpRequest, rows: QuerySet[Any], values: Any) -> BulkResult:
        """Make those of the chunk due."""
        keys = list(rows.order_by().values_list("pk", flat=True))
        return BulkResult(changed=deliveries.redeliver(keys))

    def done(self, count: int, values: object) -> str:
        """Say how many are sent again."""
        text = ngettext(
            "%(count)d delivery is sent again.", "%(count)d deliveries are sent again.", count
        )
        return text % {"count": count}


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(BaseAdmin):
    """What was sent to endpoints, the newest first; it is kept for 30 days."""

    list_display = (
        "created_at",
        "event_type",
        "endpoint",
        "shown_status",
        "attempts",
        "last_status_code",
        "shown_next",
    )
    list_filter = ("status", EventTypeFilter, "endpoint")
    list_select_related = ("endpoint",)
    actions = (RedeliverSelected(),)
    fields = (
        "message_id",
        "endpoint",
        "event_type",
        "body",
        "status",
        "attempts",
        "shown_next",
        "last_attempt_at",
        "last_status_code",
        "last_answer",
        "created_at",
    )
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no: what happens writes them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Say no: they go with their endpoint, or with time."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Say no: what was sent is as it is."""
        return False

    def has_redeliver_permission(self, request: HttpRequest) -> bool:
        """Say who may send again."""
        return request.user.has_perm("events.change_webhookdelivery")

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def shown_status(self, obj: WebhookDelivery) -> tuple[str, str]:
        """Return the status as a coloured label."""
        return obj.status, obj.get_status_display()

    @display(description=_("next attempt"), ordering="next_attempt_at")
    def shown_next(self, obj: WebhookDelivery) -> Any:
        """Return when it is sent next; nothing where it is not."""
        return obj.next_attempt_at if obj.status == WebhookDelivery.Status.PENDING else None

    @display(description=_("message ID"))
    def message_id(self, obj: WebhookDelivery) -> str:
        """Return what the header webhook-id holds."""
        return obj.message_id
