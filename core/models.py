"""Abstract model bases: UUID keys, timestamps, soft delete, immutable rows.

Left to others: every rule of a domain, and who may delete or restore what.
"""

import uuid
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypeVar

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.errors import ImmutableRowError

__all__ = [
    "ImmutableModel",
    "ImmutableQuerySet",
    "SerialModel",
    "SoftDeleteModel",
    "SoftDeleteQuerySet",
    "TimestampedModel",
    "TimestampedQuerySet",
    "UUIDModel",
    "UpdatedAtField",
]

ModelT = TypeVar("ModelT", bound=models.Model)
Deleted = tuple[int, dict[str, int]]  # what Django's delete() returns: in all, and per model

if TYPE_CHECKING:
    DateTimeField = models.DateTimeField[Any, Any]
else:
    DateTimeField = models.DateTimeField


class UUIDModel(models.Model):
    """A random UUID as the key: made before the row is, and telling nothing about it."""

    id = models.UUIDField(
        _("ID"),
        primary_key=True,
        default=uuid.uuid4,
        editable=False,
        help_text=_("Random identifier, made by AutoForge."),
    )

    class Meta:
        abstract = True


class SerialModel(models.Model):
    """A number as the key: it tells which row was made first."""

    id = models.BigAutoField(
        _("ID"),
        primary_key=True,
        help_text=_("Rises with each row."),
    )

    class Meta:
        abstract = True


class UpdatedAtField(DateTimeField):
    """The time of the last write, by the database's clock on insert and on update.

    Django's `auto_now` takes the clock of whichever machine runs the process; two machines then
    disagree on what was written last.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("db_default", Now())
        kwargs.setdefault("editable", False)
        super().__init__(*args, **kwargs)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001 (Django's)
        """Return the value to write: the column's default on insert, `Now()` on update."""
        if add:
            return super().pre_save(model_instance, add)
        # An UPDATE does not refresh the instance: it gets this process's time, near enough to
        # show, and never written back.
        setattr(model_instance, self.attname, timezone.now())
        return Now()


class TimestampedQuerySet(models.QuerySet[ModelT]):
    """Rows whose `updated_at` follows bulk writes too."""

    def update(self, **kwargs: Any) -> int:
        """Update the rows and their `updated_at`; return how many there were."""
        kwargs.setdefault("updated_at", Now())
        return super().update(**kwargs)


class TimestampedManager(models.Manager[ModelT]):
    """Gives the rows of a timestamped table."""

    def get_queryset(self) -> TimestampedQuerySet[ModelT]:
        """Return all rows."""
        return TimestampedQuerySet(self.model, using=self._db)


class TimestampedModel(models.Model):
    """When the row was made and last written, in UTC, by the database's clock."""

    created_at = models.DateTimeField(
        _("created at"),
        db_default=Now(),
        editable=False,
        help_text=_("When this was created (UTC in the database)."),
    )
    updated_at = UpdatedAtField(
        _("updated at"),
        help_text=_("When this was last changed (UTC in the database)."),
    )

    objects: ClassVar[TimestampedManager[Self]] = TimestampedManager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, taking `updated_at` along where only some fields are named."""
        if kwargs.get("update_fields"):
            kwargs["update_fields"] = {*kwargs["update_fields"], "updated_at"}
        super().save(*args, **kwargs)


class SoftDeleteQuerySet(TimestampedQuerySet[ModelT]):
    """Rows that stay in the table when they are deleted."""

    def alive(self) -> Self:
        """Return the rows that are not deleted."""
        return self.filter(deleted_at__isnull=True)

    def deleted(self) -> Self:
        """Return the rows that are deleted."""
        return self.filter(deleted_at__isnull=False)

    def delete(self) -> Deleted:
        """Mark the rows as deleted; return how many were not so before."""
        count = self.alive().update(deleted_at=Now())
        return count, ({self.model._meta.label: count} if count else {})

    def restore(self) -> int:
        """Take the mark off; return how many rows had it."""
        return self.deleted().update(deleted_at=None)

    def hard_delete(self) -> Deleted:
        """Remove the rows, and what hangs on them, from the database.

        They are marked first: what guards the rows of a live parent lets them go then.
        """
        with transaction.atomic(using=self.db):
            keys = list(self.values_list("pk", flat=True))
            rows = self.model._base_manager.using(self.db).filter(pk__in=keys)  # noqa: SLF001 (Django: public in all but name)
            SoftDeleteQuerySet(self.model, using=self.db).filter(pk__in=keys).alive().update(
                deleted_at=Now()
            )
            return rows.delete()


class SoftDeleteManager(TimestampedManager[ModelT]):
    """Sees every row, deleted or not."""

    def get_queryset(self) -> SoftDeleteQuerySet[ModelT]:
        """Return all rows."""
        return SoftDeleteQuerySet(self.model, using=self._db)

    def alive(self) -> SoftDeleteQuerySet[ModelT]:
        """Return the rows that are not deleted."""
        return self.get_queryset().alive()

    def deleted(self) -> SoftDeleteQuerySet[ModelT]:
        """Return the rows that are deleted."""
        return self.get_queryset().deleted()


class AliveManager(SoftDeleteManager[ModelT]):
    """Sees only rows that are not deleted."""

    def get_queryset(self) -> SoftDeleteQuerySet[ModelT]:
        """Return the rows that are not deleted."""
        return super().get_queryset().alive()


class SoftDeleteModel(TimestampedModel):
    """A row that `delete()` hides and `restore()` brings back.

    `objects` sees what is not deleted, `all_objects` everything; what points at a deleted row
    still finds it, because Django follows foreign keys by the base manager.
    """

    deleted_at = models.DateTimeField(
        _("deleted at"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("When this was deleted; empty while it is in use."),
    )

    objects: ClassVar[AliveManager[Self]] = AliveManager()
    all_objects: ClassVar[SoftDeleteManager[Self]] = SoftDeleteManager()

    class Meta(TimestampedModel.Meta):
        abstract = True

    @property
    def is_deleted(self) -> bool:
        """Whether the row is marked as deleted."""
        return self.deleted_at is not None

    def delete(self, using: str | None = None, keep_parents: bool = False) -> Deleted:  # noqa: ARG002, FBT001, FBT002 (Django's signature)
        """Mark the row as deleted; doing so twice keeps the first time."""
        if self.is_deleted:
            return 0, {}
        self.deleted_at = timezone.now()
        self.save(using=using, update_fields=["deleted_at"])
        return 1, {self._meta.label: 1}

    def restore(self, using: str | None = None) -> None:
        """Take the mark off."""
        self.deleted_at = None
        self.save(using=using, update_fields=["deleted_at"])

    def hard_delete(self, using: str | None = None) -> Deleted:
        """Remove the row, and what hangs on it, from the database; it is marked first."""
        with transaction.atomic(using=using):
            self.delete(using=using)
            return super().delete(using=using)


class ImmutableQuerySet(models.QuerySet[ModelT]):
    """Rows that are added and read, never changed."""

    def _refuse(self) -> NoReturn:
        name = self.model._meta.verbose_name_plural
        raise ImmutableRowError(_("%(name)s never change: add a new row instead") % {"name": name})

    def update(self, **kwargs: Any) -> NoReturn:  # noqa: ARG002 (Django's signature)
        """Refuse: the rows are immutable."""
        self._refuse()

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG002 (as above)
        """Refuse: the rows are immutable."""
        self._refuse()

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[ModelT]:
        """Insert the rows; refuse to change those that are there already."""
        if kwargs.get("update_conflicts"):
            self._refuse()
        return super().bulk_create(*args, **kwargs)

    def delete(self) -> NoReturn:
        """Refuse: the rows go only with what they belong to."""
        self._refuse()


class ImmutableManager(models.Manager[ModelT]):
    """Gives the rows of an immutable table."""

    def get_queryset(self) -> ImmutableQuerySet[ModelT]:
        """Return all rows."""
        return ImmutableQuerySet(self.model, using=self._db)


class ImmutableModel(models.Model):
    """A row that is written once and goes only with its parent."""

    created_at = models.DateTimeField(
        _("created at"),
        db_default=Now(),
        editable=False,
        help_text=_("When this was created (UTC in the database)."),
    )

    objects: ClassVar[ImmutableManager[Self]] = ImmutableManager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert the row.

        Raises:
            ImmutableRowError: it is in the database already.
        """
        if not self._state.adding:
            raise ImmutableRowError(
                _("%(name)s never changes: add a new one") % {"name": self._meta.verbose_name}
            )
        super().save(*args, **kwargs)

    def delete(self, using: str | None = None, keep_parents: bool = False) -> NoReturn:  # noqa: ARG002, FBT001, FBT002 (Django's signature)
        """Refuse: the row goes only with what it belongs to."""
        raise ImmutableRowError(
            _("%(name)s is kept as long as what it belongs to") % {"name": self._meta.verbose_name}
        )
