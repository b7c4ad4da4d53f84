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
        help_text=_("What people and commands call it; no other profile has it."),
    )
    provider = models.CharField(
        _("provider"),
        max_length=100,
        help_text=_("Who runs the model: openai, anthropic, openai-compatible, local, echo."),
    )
    model = models.CharField(
        _("model"), max_length=255, blank=True, default="", help_text=_("The model's name there.")
    )
    base_url = models.CharField(
        _("address"),
        max_length=500,
        blank=True,
        default="",
        help_text=_("Where its API is, if not at the usual place; keys are not sent elsewhere."),
    )
    parameters = JSONDocumentField(
        _("parameters"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("What the model is called with, such as the temperature."),
    )
    concurrency = models.PositiveIntegerField(
        _("calls at a time"),
        default=4,
        validators=[MinValueValidator(1)],
        help_text=_("How many calls may be under way at once."),
    )
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    tokens_per_minute = models.PositiveIntegerField(
        _("tokens per minute"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    timeout_seconds = models.FloatField(
        _("time limit (s)"),
        default=60.0,
        validators=[MinValueValidator(0.1)],
        help_text=_("How long to wait for one answer, in seconds."),
    )
    input_usd_per_million = models.DecimalField(
        _("price of input (USD per million tokens)"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Empty: the published price, where it is known."),
    )
    output_usd_per_million = models.DecimalField(
        _("price of output (USD per million tokens)"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Empty: the published price, where it is known."),
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
                violation_error_message=_("A model profile needs a name that is not blank."),
            ),
            models.CheckConstraint(
                name="model_profiles_parameters_is_object",
                condition=is_json("parameters", "object"),
                violation_error_message=_("Parameters are a JSON object."),
            ),
            models.CheckConstraint(
                name="model_profiles_concurrency_from_1",
                condition=Q(concurrency__gte=1),
                violation_error_message=_("At least one call is under way at a time."),
            ),
        )

    def __str__(self) -> str:
        return self.name
