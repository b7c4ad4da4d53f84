"""What a prompt and each of its versions say, and how that is read."""

from typing import Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.constraints import is_json, not_blank
from core.fields import JSONDocumentField
from core.validators import validate_json_list, validate_not_blank, validate_storable

__all__ = ["TEXT", "WORDING_FIELDS", "Wording"]

TEXT: Final = (validate_not_blank, validate_storable)
WORDING_FIELDS: Final = ("kind", "syntax", "content", "variables", "includes")


class Wording(models.Model):
    """A text and its contract; `prompts.rendering` gives it meaning."""

    class Kind(models.TextChoices):
        """What the text is."""

        TEXT = "text", _("Text")
        CHAT = "chat", _("Chat")

    class Syntax(models.TextChoices):
        """How the text names its variables."""

        PLAIN = "plain", _("Plain: braces are just braces")
        MUSTACHE = "mustache", _("Mustache: {{ name }}")
        JINJA = "jinja", _("Jinja: {{ name }}, {% if %}, {% for %}")

    kind = models.CharField(
        _("kind"),
        max_length=8,
        choices=Kind.choices,
        default=Kind.TEXT,
        help_text=_("One text, or a chat: a list of messages with roles."),
    )
    syntax = models.CharField(
        _("syntax"),
        max_length=8,
        choices=Syntax.choices,
        default=Syntax.PLAIN,
        help_text=_("How the text names its variables."),
    )
    content = models.TextField(
        _("content"),
        validators=TEXT,
        help_text=_("The text that goes to the model. Each change makes a new version."),
    )
    variables = JSONDocumentField(
        _("variables"),
        default=list,
        blank=True,
        validators=[validate_json_list],
        help_text=_("What the text asks for: name, type, required, default, description, example."),
    )
    includes = JSONDocumentField(
        _("includes"),
        default=list,
        blank=True,
        editable=False,
        validators=[validate_json_list],
        help_text=_("The versions of other prompts that stand in this text, as of saving it."),
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
                violation_error_message=_("A prompt needs content that is not blank."),
            ),
            models.CheckConstraint(
                name=f"{table}_kind_known",
                condition=Q(kind__in=["text", "chat"]),
                violation_error_message=_("The kind is text or chat."),
            ),
            models.CheckConstraint(
                name=f"{table}_syntax_known",
                condition=Q(syntax__in=["plain", "mustache", "jinja"]),
                violation_error_message=_("The syntax is plain, mustache or jinja."),
            ),
            models.CheckConstraint(
                name=f"{table}_variables_is_list",
                condition=is_json("variables", "array"),
                violation_error_message=_("Variables are a JSON list."),
            ),
            models.CheckConstraint(
                name=f"{table}_includes_is_list",
                condition=is_json("includes", "array"),
                violation_error_message=_("Includes are a JSON list."),
            ),
        )
