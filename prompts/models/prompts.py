"""The prompt as it stands now."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.constraints import is_json, not_blank
from core.fields import JSONDocumentField
from core.models import SoftDeleteModel, UUIDModel
from core.validators import (
    validate_json_object,
    validate_storable,
    validate_tags,
)
from prompts.models.content import TEXT, Wording
from prompts.naming import NAME_MAX_LENGTH, validate_name

__all__ = ["Prompt"]


class Prompt(UUIDModel, Wording, SoftDeleteModel):
    """A text for a language model, as it stands now."""

    class Status(models.TextChoices):
        """Where a prompt is in its life."""

        DRAFT = "draft", _("Draft")
        ACTIVE = "active", _("Active")
        ARCHIVED = "archived", _("Archived")

    title = models.CharField(
        _("title"),
        max_length=255,
        validators=TEXT,
        help_text=_("Display title, up to 255 characters."),
    )
    name = models.CharField(
        _("name"),
        max_length=NAME_MAX_LENGTH,
        validators=[validate_name],
        help_text=_("Identifier used in code; must be unique among prompts in use."),
    )
    description = models.CharField(
        _("description"),
        max_length=1000,
        blank=True,
        default="",
        validators=[validate_storable],
        help_text=_("What the prompt is for, up to 1,000 characters."),
    )
    user_id = models.CharField(
        _("user ID"),
        max_length=255,
        blank=True,
        default="",
        validators=[validate_storable],
        help_text=_("ID of the owner at the identity provider; empty if there is no owner."),
    )
    status = models.CharField(
        _("status"),
        max_length=16,
        choices=Status.choices,
        default=Status.DRAFT,
        help_text=_("Draft: being written. Active: in use. Archived: retired."),
    )
    current_version = models.PositiveIntegerField(
        _("current version"),
        default=1,
        editable=False,
        validators=[MinValueValidator(1)],
        help_text=_("Number of the version that is currently used."),
    )
    tags = JSONDocumentField(
        _("tags"),
        default=list,
        blank=True,
        validators=[validate_tags],
        help_text=_('A list of strings, such as ["support"].'),
    )
    metadata = JSONDocumentField(
        _("metadata"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("Additional data by name, such as extra columns of an import."),
    )

    class Meta(SoftDeleteModel.Meta):
        db_table = "prompts"
        verbose_name = _("prompt")
        verbose_name_plural = _("prompts")
        ordering = ("-updated_at", "title")
        permissions = (("purge_prompt", _("Can remove deleted prompts for good")),)
        indexes = (
            models.Index(fields=["user_id"], name="idx_prompts_user_id"),
            models.Index(fields=["status"], name="idx_prompts_status"),
            models.Index(fields=["title"], name="idx_prompts_title"),
            # The unique one serves only queries that repeat its condition.
            models.Index(fields=["name"], name="idx_prompts_name"),
            models.Index(fields=["-updated_at", "title"], name="idx_prompts_updated_at"),
            models.Index(fields=["created_at"], name="idx_prompts_created_at"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(deleted_at__isnull=True) & ~Q(name=""),
                name="prompts_name_unique",
                violation_error_message=_("A prompt with this name already exists."),
            ),
            *Wording.constraints("prompts"),
            models.CheckConstraint(
                name="prompts_title_not_blank",
                condition=not_blank("title"),
                violation_error_message=_("A prompt must have a title."),
            ),
            models.CheckConstraint(
                name="prompts_status_known",
                condition=Q(status__in=["draft", "active", "archived"]),
                violation_error_message=_("The status must be draft, active or archived."),
            ),
            models.CheckConstraint(
                name="prompts_current_version_from_1",
                condition=Q(current_version__gte=1),
                violation_error_message=_("Version numbers must start at 1."),
            ),
            models.CheckConstraint(
                name="prompts_tags_is_list",
                condition=is_json("tags", "array"),
                violation_error_message=_("Tags must be a JSON list."),
            ),
            models.CheckConstraint(
                name="prompts_metadata_is_object",
                condition=is_json("metadata", "object"),
                violation_error_message=_("Metadata must be a JSON object."),
            ),
        )

    def __str__(self) -> str:
        return self.title
