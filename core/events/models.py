"""Tables of webhooks: where events are sent, and what was sent or waits."""

from typing import Final

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.constraints import is_json, not_blank
from core.fields import JSONDocumentField
from core.models import TimestampedModel, UUIDModel
from core.validators import validate_json_list, validate_not_blank, validate_storable

__all__ = ["ANSWER_MAX_CHARACTERS", "WebhookDelivery", "WebhookEndpoint"]

ANSWER_MAX_CHARACTERS: Final = 2048


class WebhookEndpoint(UUIDModel, TimestampedModel):
    """An address that is told of events."""

    name = models.CharField(
        _("name"),
        max_length=100,
        unique=True,
        validators=[validate_not_blank, validate_storable],
        help_text=_("Display name, also used in commands; must be unique."),
    )
    url = models.CharField(
        _("address"),
        max_length=500,
        validators=[validate_not_blank, validate_storable],
        help_text=_("Where events are sent with POST; must start with https://."),
    )
    event_types = JSONDocumentField(
        _("events"),
        default=list,
        validators=[validate_json_list],
        help_text=_("Events that are sent to this endpoint."),
    )
    enabled = models.BooleanField(
        _("enabled"),
        default=True,
        help_text=_("Nothing is sent to an endpoint that is not enabled."),
    )
    disabled_reason = models.CharField(
        _("disabled because"),
        max_length=500,
        blank=True,
        default="",
        editable=False,
        help_text=_("Why AutoForge disabled the endpoint; empty if it did not."),
    )
    failing_since = models.DateTimeField(
        _("failing since"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("Time of the first failure since the last success; empty if there is none."),
    )
    secret = models.CharField(
        _("secret"),
        max_length=255,
        editable=False,
        help_text=_("Signs what is sent; stored encrypted and shown only once."),
    )
    previous_secret = models.CharField(
        _("previous secret"),
        max_length=255,
        blank=True,
        default="",
        editable=False,
        help_text=_("The secret before the last rotation, encrypted; empty if there is none."),
    )
    previous_secret_until = models.DateTimeField(
        _("previous secret until"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("Until then, events are signed with the previous secret as well."),
    )

    class Meta(TimestampedModel.Meta):
        db_table = "webhook_endpoints"
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                name="webhook_endpoints_name_not_blank",
                condition=not_blank("name"),
                violation_error_message=_("A webhook endpoint must have a name."),
            ),
            models.CheckConstraint(
                name="webhook_endpoints_event_types_is_list",
                condition=is_json("event_types", "array"),
                violation_error_message=_("Events must be a JSON list."),
            ),
        )

    def __str__(self) -> str:
        return self.name


class WebhookDelivery(UUIDModel, TimestampedModel):
    """One event for one endpoint: what is sent, how often it was tried, and the last answer."""

    class Status(models.TextChoices):
        """What became of it."""

        PENDING = "pending", _("Pending")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed")

    endpoint = models.ForeignKey(
        WebhookEndpoint,
        on_delete=models.CASCADE,
        related_name="deliveries",
        db_index=False,
        verbose_name=_("webhook endpoint"),
        help_text=_("The endpoint that the event is sent to."),
    )
    event_type = models.CharField(_("event"), max_length=100, help_text=_("Type of the event."))
    body = models.TextField(
        _("body"), help_text=_("What is sent, as JSON; the same in every attempt.")
    )
    status = models.CharField(
        _("status"),
        max_length=16,
        choices=Status.choices,
        default=Status.PENDING,
        help_text=_("Whether the endpoint has accepted the event."),
    )
    attempts = models.PositiveIntegerField(
        _("attempts"), default=0, help_text=_("How many times it was sent.")
    )
    next_attempt_at = models.DateTimeField(
        _("next attempt"),
        default=timezone.now,
        help_text=_("When the event is sent, or sent again, while it is pending."),
    )
    claim = models.CharField(
        _("claim"),
        max_length=32,
        blank=True,
        default="",
        help_text=_("The worker that is sending it; empty if there is none."),
    )
    last_status_code = models.PositiveIntegerField(
        _("HTTP status"),
        null=True,
        blank=True,
        help_text=_("HTTP status of the last answer; empty if there was none."),
    )
    last_answer = models.CharField(
        _("last answer"),
        max_length=ANSWER_MAX_CHARACTERS,
        blank=True,
        default="",
        help_text=_("The beginning of the last answer, up to 2 KiB, or why there was none."),
    )
    last_attempt_at = models.DateTimeField(
        _("last attempt"), null=True, blank=True, help_text=_("When it was last sent.")
    )

    class Meta(TimestampedModel.Meta):
        db_table = "webhook_deliveries"
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ("-created_at",)
        indexes = (
            # Not of pending rows alone: SQLite uses such an index for constants, and Django's
            # values are parameters.
            models.Index(fields=["status", "next_attempt_at"], name="idx_webhook_due"),
            models.Index(fields=["endpoint", "-created_at"], name="idx_webhook_endpoint"),
            models.Index(fields=["-created_at"], name="idx_webhook_newest"),
        )
        constraints = (
            models.CheckConstraint(
                name="webhook_deliveries_status_known",
                condition=Q(status__in=["pending", "delivered", "failed"]),
                violation_error_message=_("A delivery must be pending, delivered or failed."),
            ),
            models.CheckConstraint(
                name="webhook_deliveries_body_is_object",
                condition=is_json("body", "object"),
                violation_error_message=_("The body must be a JSON object."),
            ),
        )

    def __str__(self) -> str:
        return self.message_id

    @property
    def message_id(self) -> str:
        """What the header webhook-id holds: the same in every attempt, also when sent again."""
        return f"msg_{self.pk.hex}"
