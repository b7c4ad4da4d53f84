"""Models that a team uses, with their settings, limits and prices. Keys are never stored."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.constraints import is_json, not_blank
from core.fields import JSONDocumentField
from core.models import TimestampedModel, UUIDModel
from core.validators import validate_json_object, validate_not_blank, validate_storable

__all__ = ["ModelProfile"]


class ModelProfile(UUIDModel, TimestampedModel):
    """A model under a name of the team's own."""

    name = models.CharField(
        _("name"),
        max_length=100,
        unique=True,
        validators=[validate_not_blank, validate_storable],
        help_text=_("Display name, also used in commands; must be unique."),
    )
    provider = models.CharField(
        _("provider"),
        max_length=100,
        help_text=_("Provider: openai, anthropic, openai-compatible, local or echo."),
    )
    model = models.CharField(
        _("model"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("Name of the model at the provider."),
    )
    base_url = models.CharField(
        _("address"),
        max_length=500,
        blank=True,
        default="",
        help_text=_(
            "Base URL of the API, if it is not the default one. Keys are not sent anywhere else."
        ),
    )
    parameters = JSONDocumentField(
        _("parameters"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("Parameters sent to the model, such as the temperature."),
    )
    concurrency = models.PositiveIntegerField(
        _("concurrency"),
        default=4,
        validators=[MinValueValidator(1)],
        help_text=_("Maximum number of simultaneous calls."),
    )
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"), null=True, blank=True, help_text=_("Leave blank for no limit.")
    )
    tokens_per_minute = models.PositiveIntegerField(
        _("tokens per minute"), null=True, blank=True, help_text=_("Leave blank for no limit.")
    )
    timeout_seconds = models.FloatField(
        _("time limit (s)"),
        default=60.0,
        validators=[MinValueValidator(0.1)],
        help_text=_("Timeout for one answer, in seconds."),
    )
    input_usd_per_million = models.DecimalField(
        _("input price (USD per million tokens)"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Leave blank to use the published price, if known."),
    )
    output_usd_per_million = models.DecimalField(
        _("output price (USD per million tokens)"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Leave blank to use the published price, if known."),
    )

    class Meta(TimestampedModel.Meta):
        db_table = "model_profiles"
        verbose_name = _("model profile")
        verbose_name_plural = _("model profiles")
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                name="model_profiles_name_not_blank",
                condition=not_blank("name"),
                violation_error_message=_("A model profile must have a name."),
            ),
            models.CheckConstraint(
                name="model_profiles_parameters_is_object",
                condition=is_json("parameters", "object"),
                violation_error_message=_("Parameters must be a JSON object."),
            ),
            models.CheckConstraint(
                name="model_profiles_concurrency_from_1",
                condition=Q(concurrency__gte=1),
                violation_error_message=_("Concurrency must be at least 1."),
            ),
        )

    def __str__(self) -> str:
        return self.name
