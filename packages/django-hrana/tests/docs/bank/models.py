"""What the examples on the package's pages read and write."""

from django.db import models


class Account(models.Model):  # noqa: DJ008 (nobody prints it)
    """What the examples of transactions move money between."""

    name = models.CharField(max_length=100, unique=True)
    balance = models.IntegerField(default=0)


class Note(models.Model):  # noqa: DJ008 (nobody prints it)
    """What the other examples write."""

    text = models.CharField(max_length=100, unique=True)
