"""Tables of access: API keys, and answers that a repeated request gets again."""

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.access.secrets import PREFIX_LENGTH
from core.models import SerialModel, TimestampedModel, UUIDModel
from core.validators import validate_not_blank, validate_storable

__all__ = ["ApiKey", "IdempotentAnswer"]

DIGEST_LENGTH = 64  # SHA-256 in hexadecimal


class ApiKey(UUIDModel, TimestampedModel):
    """A key of the API: it acts with the permissions of its role, under its own name."""

    name = models.CharField(
        _("name"),
        max_length=100,
        validators=[validate_not_blank, validate_storable],
        help_text=_("What uses the key, such as “website” or “nightly tests”."),
    )
    prefix = models.CharField(
        _("prefix"),
        max_length=PREFIX_LENGTH,
        unique=True,
        editable=False,
        help_text=_("The first characters of the key, by which it can be recognised."),
    )
    digest = models.CharField(
        _("digest"),
        max_length=DIGEST_LENGTH,
        unique=True,
        editable=False,
        help_text=_("Keyed hash of the key. The key itself is not stored."),
    )
    role = models.ForeignKey(
        Group,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("role"),
        help_text=_("The key may do what this role may do."),
    )
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"),
        default=600,
        help_text=_("More requests than this are refused until the next minute; 0 means no limit."),
    )
    usd_per_day = models.DecimalField(
        _("USD per day"),
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        help_text=_("Most that model calls through this key may cost in a day (UTC)."),
    )
    created_by = models.CharField(
        _("created by"),
        max_length=255,
        blank=True,
        default="",
        editable=False,
        help_text=_("The user who created the key; empty if it was created on the server."),
    )
    expires_at = models.DateTimeField(
        _("expires at"),
        null=True,
        blank=True,
        help_text=_("The key is refused from this time on; empty means that it does not expire."),
    )
    last_used_at = models.DateTimeField(
        _("last used"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("When the key was last used, to the minute."),
    )
    revoked_at = models.DateTimeField(
        _("revoked at"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("When the key was revoked."),
    )

    class Meta(TimestampedModel.Meta):
        db_table = "api_keys"
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("-created_at",)
        indexes = (models.Index(fields=["name"], name="idx_api_keys_name"),)
        constraints = (
            models.CheckConstraint(
                name="api_keys_limit_positive",
                condition=Q(usd_per_day__isnull=True) | Q(usd_per_day__gte=0),
                violation_error_message=_("The limit must not be negative."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_usable(self) -> bool:
        """Whether it is neither revoked nor expired."""
        if self.revoked_at is not None:
            return False
        return self.expires_at is None or self.expires_at > timezone.now()


class IdempotentAnswer(SerialModel):
    """What a request with an `Idempotency-Key` was answered: the same request gets it again."""

    caller = models.CharField(_("caller"), max_length=255, help_text=_("Who sent the request."))
    key = models.CharField(
        _("key"), max_length=255, help_text=_("The Idempotency-Key of the request.")
    )
    fingerprint = models.CharField(
        _("fingerprint"),
        max_length=DIGEST_LENGTH,
        help_text=_("Hash of the method, the path and the body of the request."),
    )
    status = models.PositiveSmallIntegerField(_("status"), help_text=_("HTTP status."))
    headers = models.TextField(_("headers"), default="{}", help_text=_("Headers as JSON."))
    body = models.TextField(_("body"), default="", help_text=_("Body of the answer."))
    created_at = models.DateTimeField(
        _("created at"), default=timezone.now, help_text=_("When the request was answered.")
    )

    class Meta:
        db_table = "idempotent_answers"
        verbose_name = _("idempotent answer")
        verbose_name_plural = _("idempotent answers")
        ordering = ("id",)
        indexes = (models.Index(fields=["created_at"], name="idx_idempotent_answers_created"),)
        constraints = (
            models.UniqueConstraint(fields=["caller", "key"], name="idempotent_answers_unique"),
        )

    def __str__(self) -> str:
        return f"{self.caller} {self.key}"
