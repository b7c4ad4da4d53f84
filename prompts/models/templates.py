"""Texts with named places to start a prompt from."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.constraints import is_json, not_blank
from core.fields import JSONDocumentField
from core.models import SoftDeleteModel, UUIDModel
from core.validators import validate_json_list
from prompts.models.content import TEXT

__all__ = ["PromptTemplate"]


class PromptTemplate(UUIDModel, SoftDeleteModel):
    """A text with named places to start a prompt from."""

    name = models.CharField(
        _("name"),
        max_length=255,
        validators=TEXT,
        help_text=_("Display name; must be unique."),
    )
    category = models.CharField(
        _("category"),
        max_length=100,
        blank=True,
        default="",
        help_text=_("A heading for the gallery, such as “Support”."),
    )
    content = models.TextField(
        _("content"),
        validators=TEXT,
        help_text=_("The text, with placeholders such as {{ name }} for the parameters."),
    )
    parameters = JSONDocumentField(
        _("parameters"),
        default=list,
        blank=True,
        validators=[validate_json_list],
        help_text=_("A list of objects with name, description, required and default."),
    )

    class Meta(SoftDeleteModel.Meta):
        db_table = "prompt_templates"
        verbose_name = _("prompt template")
        verbose_name_plural = _("prompt templates")
        ordering = ("category", "name")
        indexes = (models.Index(fields=["category", "name"], name="idx_templates_category"),)
        constraints = (
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(deleted_at__isnull=True),
                name="prompt_templates_name_unique",
                violation_error_message=_("A template with this name already exists."),
            ),
            models.CheckConstraint(
                name="prompt_templates_name_not_blank",
                condition=not_blank("name"),
                violation_error_message=_("A template must have a name."),
            ),
            models.CheckConstraint(
                name="prompt_templates_content_not_blank",
                condition=not_blank("content"),
                violation_error_message=_("A template must have content."),
            ),
            models.CheckConstraint(
                name="prompt_templates_parameters_is_list",
                condition=is_json("parameters", "array"),
                violation_error_message=_("Parameters must be a JSON list."),
            ),
        )

    def __str__(self) -> str:
        return self.name
