"""What callers of the API have spent on models, by day."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.models import SerialModel

__all__ = ["KeySpending"]


class KeySpending(SerialModel):
    """What one caller has spent in one day: counted by all processes together.

    Amounts are whole billionths of a dollar, so that sums in the database are exact: a token of the
    cheapest models costs about 20 of them.
    """

    caller = models.CharField(
        _("caller"), max_length=255, help_text=_("Who called: the identity of a key or a person.")
    )
    day = models.DateField(_("day"), help_text=_("The day (UTC)."))
    nano_usd = models.BigIntegerField(
        _("nano USD"),
        default=0,
        help_text=_("What was spent, in billionths of a dollar; running calls are reserved."),
    )
    calls = models.PositiveIntegerField(
        _("calls"), default=0, help_text=_("How many calls were made.")
    )

    class Meta:
        db_table = "key_spending"
        verbose_name = _("key spending")
        verbose_name_plural = _("key spending")
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=["caller", "day"],
                name="key_spending_unique",
                violation_error_message=_("This caller already has a row for this day."),
            ),
            models.CheckConstraint(
                name="key_spending_not_negative",
                condition=Q(nano_usd__gte=0),
                violation_error_message=_("The amount must not be negative."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.caller} {self.day}"
