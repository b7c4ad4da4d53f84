"""Aggregates that SQLite and libSQL have and Django has not."""

from typing import Any

from django.db.models import Aggregate, JSONField

__all__ = ["JSONGroupArray"]


class JSONGroupArray(Aggregate):
    """The values of a group as one list, in no order: sort it where it is shown."""

    function = "json_group_array"
    name = "JSONGroupArray"
    output_field: Any = JSONField()
