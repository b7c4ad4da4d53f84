"""Tables of prompts: what is written, every version of it, and templates to start from.

Rules that the database can hold are constraints here. Rules over several rows (a content change
makes a version) are in `prompts.services`, the only writer.
"""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from autoforge.core.constraints import is_json, not_blank
from autoforge.core.fields import JSONDocumentField
from autoforge.core.models import ImmutableModel, SoftDeleteModel, UUIDModel
from autoforge.core.validators import (
    validate_json_list,
    validate_json_object,
    validate_not_blank,
    validate_storable,
    validate_tags,
)

__all__ = ["Prompt", "PromptTemplate", "PromptVersion"]

SHA256_HEX_LENGTH = 64
TEXT = (validate_not_blank, validate_storable)


class Prompt(UUIDModel, SoftDeleteModel):
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
        help_text=_("What people call it, 255 characters at most."),
    )
    content = models.TextField(
        _("content"),
        validators=TEXT,
        help_text=_("The text that goes to the model. Each change makes a new version."),
    )
    user_id = models.CharField(
        _("user ID"),
        max_length=255,
        blank=True,
        default="",
        validators=[validate_storable],
        help_text=_("The owner's ID at the identity provider; empty if nobody owns it."),
    )
    status = models.CharField(
        _("status"),
        max_length=16,
        choices=Status.choices,
        default=Status.DRAFT,
        help_text=_("Draft while it is written, active in use, archived when it is retired."),
    )
    current_version = models.PositiveIntegerField(
        _("current version"),
        default=1,
        editable=False,
        validators=[MinValueValidator(1)],
        help_text=_("Number of the version whose content this is."),
    )
    tags = JSONDocumentField(
        _("tags"),
        default=list,
        blank=True,
        validators=[validate_tags],
        help_text=_('A list of words, such as ["support"].'),
    )
    metadata = JSONDocumentField(
        _("metadata"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("Further facts by name, such as the columns of an import."),
    )

    class Meta(SoftDeleteModel.Meta):
        db_table = "prompts"
        verbose_name = _("prompt")
        verbose_name_plural = _("prompts")
        ordering = ("-updated_at", "title")
        indexes = (
            models.Index(fields=["user_id"], name="idx_prompts_user_id"),
            models.Index(fields=["status"], name="idx_prompts_status"),
            models.Index(fields=["title"], name="idx_prompts_title"),
            models.Index(fields=["-updated_at", "title"], name="idx_prompts_updated_at"),
            models.Index(fields=["created_at"], name="idx_prompts_created_at"),
        )
        constraints = (
            models.CheckConstraint(
                name="prompts_title_not_blank",
                condition=not_blank("title"),
                violation_error_message=_("A prompt needs a title that is not blank."),
            ),
            models.CheckConstraint(
                name="prompts_content_not_blank",
                condition=not_blank("content"),
                violation_error_message=_("A prompt needs content that is not blank."),
            ),
            models.CheckConstraint(
                name="prompts_status_known",
                condition=Q(status__in=["draft", "active", "archived"]),
                violation_error_message=_("The status is draft, active or archived."),
            ),
            models.CheckConstraint(
                name="prompts_current_version_from_1",
                condition=Q(current_version__gte=1),
                violation_error_message=_("Versions are numbered from 1."),
            ),
            models.CheckConstraint(
                name="prompts_tags_is_list",
                condition=is_json("tags", "array"),
                violation_error_message=_("Tags are a JSON list."),
            ),
            models.CheckConstraint(
                name="prompts_metadata_is_object",
                condition=is_json("metadata", "object"),
                violation_error_message=_("Metadata is a JSON object."),
            ),
        )

    def __str__(self) -> str:
        return self.title


class PromptVersion(UUIDModel, ImmutableModel):
    """What a prompt's content was at one time; never changed, gone only with its prompt."""

    prompt = models.ForeignKey(
        Prompt,
        on_delete=models.CASCADE,
        related_name="versions",
        db_index=False,
        verbose_name=_("prompt"),
        help_text=_("The prompt that this is a version of."),
    )
    number = models.PositiveIntegerField(
        _("number"),
        validators=[MinValueValidator(1)],
        help_text=_("Rises by one with each version of the prompt, from 1."),
    )
    content = models.TextField(
        _("content"), validators=TEXT, help_text=_("The text of this version.")
    )
    content_hash = models.CharField(
        _("content hash"),
        max_length=SHA256_HEX_LENGTH,
        help_text=_("SHA-256 of the content in UTF-8, in hexadecimal."),
    )
    author = models.CharField(
        _("author"),
        max_length=255,
        blank=True,
        default="",
        validators=[validate_storable],
        help_text=_("Who wrote this version; empty if nobody is known."),
    )
    change_note = models.CharField(
        _("change note"),
        max_length=500,
        blank=True,
        default="",
        validators=[validate_storable],
        help_text=_("Why the content was changed, 500 characters at most."),
    )

    class Meta(ImmutableModel.Meta):
        db_table = "prompt_versions"
        verbose_name = _("prompt version")
        verbose_name_plural = _("prompt versions")
        ordering = ("-created_at", "-number")
        indexes = (
            models.Index(fields=["-created_at", "-number"], name="idx_versions_created_at"),
            models.Index(fields=["content_hash"], name="idx_versions_content_hash"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["prompt", "number"],
                name="prompt_versions_number_unique",
                violation_error_message=_("This prompt has a version of that number already."),
            ),
            models.CheckConstraint(
                name="prompt_versions_number_from_1",
                condition=Q(number__gte=1),
                violation_error_message=_("Versions are numbered from 1."),
            ),
            models.CheckConstraint(
                name="prompt_versions_content_not_blank",
                condition=not_blank("content"),
                violation_error_message=_("A version needs content that is not blank."),
            ),
            models.CheckConstraint(
                name="prompt_versions_hash_is_sha256",
                condition=Q(Exact(Length("content_hash"), SHA256_HEX_LENGTH)),
                violation_error_message=_("The content hash is 64 hexadecimal characters."),
            ),
        )

    def __str__(self) -> str:
        # The title only where the prompt is loaded: it would cost every list a query a row.
        title = f"{self.prompt.title} · " if "prompt" in self._state.fields_cache else ""
        return f"{title}v{self.number}"


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
