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
        help_text=_("What people call it; no other template has it."),
    )
    category = models.CharField(
        _("category"),
        max_length=100,
        blank=True,
        default="",
        help_text=_("A heading to find it under, such as “Support”."),
    )
    content = models.TextField(
        _("content"),
        validators=TEXT,
        help_text=_("The text, with places such as {{ name }} for the parameters."),
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
                violation_error_message=_("Another template has this name already."),
            ),
            models.CheckConstraint(
                name="prompt_templates_name_not_blank",
                condition=not_blank("name"),
                violation_error_message=_("A template needs a name that is not blank."),
            ),
            models.CheckConstraint(
                name="prompt_templates_content_not_blank",
                condition=not_blank("content"),
                violation_error_message=_("A template needs content that is not blank."),
            ),
            models.CheckConstraint(
                name="prompt_templates_parameters_is_list",
                condition=is_json("parameters", "array"),
                violation_error_message=_("Parameters are a JSON list."),
            ),
        )

    def __str__(self) -> str:
        return self.name
