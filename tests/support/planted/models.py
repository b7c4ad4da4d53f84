"""A table for migrations to work on."""

from django.db import models


class Thing(models.Model):
    """A thing."""

    name = models.CharField(max_length=20)
    size = models.IntegerField(null=True)

    class Meta:
        app_label = "planted"
        db_table = "planted_things"

    def __str__(self):
        return self.name
