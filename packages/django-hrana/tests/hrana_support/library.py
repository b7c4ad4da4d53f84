"""Models with relations, each with an asynchronous manager and with Django's own."""

# ruff: noqa: DJ008, DJ012 (nobody looks at them; two managers are what is tested)

import datetime as dt
import uuid

from django.apps.registry import Apps
from django.db import connections, models

from django_hrana import aio

LIBSQL = "library-libsql"
SQLITE = "library-sqlite"
# Of an app, else its models would know nothing of each other.
APPS = Apps(["hrana_support"])


class Author(models.Model):
    """Somebody who writes."""

    name = models.CharField(max_length=50, unique=True)
    age = models.IntegerField(null=True)
    joined = models.DateTimeField(auto_now_add=True)

    objects = aio.Manager()
    plain = models.Manager()

    class Meta:
        app_label = "hrana_support"
        apps = APPS
        get_latest_by = "age"
        ordering = ("name",)


class Book(models.Model):
    """What an author wrote; deleting it is one statement."""

    author = models.ForeignKey(Author, models.CASCADE)
    title = models.CharField(max_length=50)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    data = models.JSONField(default=dict)
    published = models.DateField(default=dt.date(2020, 2, 3))
    code = models.UUIDField(default=uuid.uuid4)
    length = models.DurationField(default=dt.timedelta(minutes=90))
    is_sold = models.BooleanField(default=False)
    weight = models.FloatField(default=0.5)
    cover = models.BinaryField(default=b"\x00\xff")

    objects = aio.Manager()
    plain = models.Manager()

    class Meta:
        app_label = "hrana_support"
        apps = APPS


class Novel(Book):
    """A row in two tables."""

    pages = models.IntegerField(default=1)

    objects = aio.Manager()
    plain = models.Manager()

    class Meta:
        app_label = "hrana_support"
        apps = APPS


class Named(models.Model):
    """One that saves itself in its own way, with a key that it makes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=50)

    objects = aio.Manager()
    plain = models.Manager()

    class Meta:
        app_label = "hrana_support"
        apps = APPS

    def save(self, *args, **kwargs):
        """Save it in capitals."""
        self.name = self.name.upper()
        super().save(*args, **kwargs)


class Tag(models.Model):
    """One with a key that it makes, saved by Django."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    label = models.CharField(max_length=50, db_default="none")

    objects = aio.Manager()
    plain = models.Manager()

    class Meta:
        app_label = "hrana_support"
        apps = APPS


MODELS = (Author, Book, Novel, Named, Tag)


def forget_connection() -> None:
    """Close and forget this thread's connection: the next test's is to another database."""
    if hasattr(connections._connections, LIBSQL):
        connections[LIBSQL].close()
        del connections[LIBSQL]
