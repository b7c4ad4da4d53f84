"""What a prompt said at one time."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from core.models import ImmutableModel, UUIDModel
from core.validators import validate_storable
from prompts.models.content import Wording
from prompts.models.prompts import Prompt

__all__ = ["PromptVersion"]

SHA256_HEX_LENGTH = 64


class PromptVersion(UUIDModel, Wording, ImmutableModel):
    """What a prompt's content was at one time; never changed, gone only with its prompt."""

    prompt = models.ForeignKey(
        Prompt,
        on_delete=models.CASCADE,
        related_name="versions",
        db_index=False,
        verbose_name=_("prompt"),
        help_text=_("The prompt that this version belongs to."),
    )
    number = models.PositiveIntegerField(
        _("number"),
        validators=[MinValueValidator(1)],
        help_text=_("Increases by one with each version of the prompt, starting at 1."),
    )
    content_hash = models.CharField(
        _("content hash"),
        max_length=SHA256_HEX_LENGTH,
        help_text=_("SHA-256 of the content and its settings, in hexadecimal."),
    )
    author = models.CharField(
        _("author"),
        max_length=255,
        blank=True,
        default="",
        validators=[validate_storable],
        help_text=_("Who wrote this version; empty if unknown."),
    )
    change_note = models.CharField(
        _("change note"),
        max_length=500,
        blank=True,
        default="",
        validators=[validate_storable],
        help_text=_("Why the content was changed, up to 500 characters."),
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
                violation_error_message=_("This prompt already has a version with this number."),
            ),
            models.CheckConstraint(
                name="prompt_versions_number_from_1",
                condition=Q(number__gte=1),
                violation_error_message=_("Version numbers must start at 1."),
            ),
            *Wording.constraints("prompt_versions"),
            models.CheckConstraint(
                name="prompt_versions_hash_is_sha256",
                condition=Q(Exact(Length("content_hash"), SHA256_HEX_LENGTH)),
                violation_error_message=_("The content hash must be 64 hexadecimal characters."),
            ),
        )

    def __str__(self) -> str:
        # The title only where the prompt is loaded: it would cost every list a query a row.
        title = f"{self.prompt.title} · " if "prompt" in self._state.fields_cache else ""
        return f"{title}v{self.number}"
