"""What a prompt and each of its versions say, and how that is read."""

from typing import Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.constraints import is_json, not_blank
from core.fields import JSONDocumentField
from core.validators import validate_json_list, validate_not_blank, validate_storable
from prompts.config import validate_config

__all__ = ["TEXT", "WORDING_FIELDS", "Wording"]

TEXT: Final = (validate_not_blank, validate_storable)
WORDING_FIELDS: Final = ("kind", "syntax", "content", "variables", "config", "includes")


class Wording(models.Model):
    """A text and its contract; `prompts.rendering` gives it meaning."""

    class Kind(models.TextChoices):
        """What the text is."""

        TEXT = "text", _("Text")
        CHAT = "chat", _("Chat")

    class Syntax(models.TextChoices):
        """How variables are written in the text."""

        PLAIN = "plain", _("Plain text, no variables")
        MUSTACHE = "mustache", _("Mustache: {{ name }}")
        JINJA = "jinja", _("Jinja: {{ name }}, {% if %}, {% for %}")

    kind = models.CharField(
        _("kind"),
        max_length=8,
        choices=Kind.choices,
        default=Kind.TEXT,
        help_text=_("A single text, or a chat: a list of messages with roles."),
    )
    syntax = models.CharField(
        _("syntax"),
        max_length=8,
        choices=Syntax.choices,
        default=Syntax.PLAIN,
        help_text=_("How variables are written in the text."),
    )
    content = models.TextField(
        _("content"),
        validators=TEXT,
        help_text=_("The text sent to the model. Every change creates a new version."),
    )
    variables = JSONDocumentField(
        _("variables"),
        default=list,
        blank=True,
        validators=[validate_json_list],
        help_text=_(
            "The variables of the text: name, type, required, default, description, example."
        ),
    )
    config = JSONDocumentField(
        _("configuration"),
        default=dict,
        blank=True,
        validators=[validate_config],
        help_text=_(
            "The model, parameters, tools and response schema that the text is meant for: a JSON "
            'object, such as {"model": "…", "temperature": 0.2}.'
        ),
    )
    includes = JSONDocumentField(
        _("includes"),
        default=list,
        blank=True,
        editable=False,
        validators=[validate_json_list],
        help_text=_("Versions of other prompts that were included when this version was saved."),
    )

    class Meta:
        abstract = True

    @staticmethod
    def constraints(table: str) -> tuple[models.CheckConstraint, ...]:
        """Return what the database holds a row of `table` to."""
        return (
            models.CheckConstraint(
                name=f"{table}_content_not_blank",
                condition=not_blank("content"),
                violation_error_message=_("A prompt must have content."),
            ),
            models.CheckConstraint(
                name=f"{table}_kind_known",
                condition=Q(kind__in=["text", "chat"]),
                violation_error_message=_("The kind must be text or chat."),
            ),
            models.CheckConstraint(
                name=f"{table}_syntax_known",
                condition=Q(syntax__in=["plain", "mustache", "jinja"]),
                violation_error_message=_("The syntax must be plain, mustache or jinja."),
            ),
            models.CheckConstraint(
                name=f"{table}_variables_is_list",
                condition=is_json("variables", "array"),
                violation_error_message=_("Variables must be a JSON list."),
            ),
            models.CheckConstraint(
                name=f"{table}_config_is_object",
                condition=is_json("config", "object"),
                violation_error_message=_("The configuration must be a JSON object."),
            ),
            models.CheckConstraint(
                name=f"{table}_includes_is_list",
                condition=is_json("includes", "array"),
                violation_error_message=_("Includes must be a JSON list."),
            ),
        )
