"""How long what is kept: as the environment says, or as somebody asks this once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings

from core.events.services.deliveries import KEPT
from evaluations.models import CallRecord

__all__ = ["GROUPS", "LONGEST_DAYS", "Age", "AgeError", "read_ages"]

GROUPS: Final = ("runs", "results", "records", "deliveries", "logs", "trash")
"""What one age is for."""
LONGEST_DAYS: Final = 3650
RECORDS_OF: Final = {
    CallRecord.Source.GATEWAY: "GATEWAY_RECORDS_DAYS",
    CallRecord.Source.TRACE: "TRACES_KEPT_DAYS",
}


class AgeError(ValueError):
    """An age is not one; its text says what is allowed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Age:
    """How long rows are kept."""

    days: int | None
    """None: for ever."""
    source: str
    """Who says so: a variable, an option, or "fixed"."""

    def __str__(self) -> str:
        if self.days is None:
            return f"kept for ever ({self.source} is not set)"
        return f"older than {self.days} {'day' if self.days == 1 else 'days'} ({self.source})"

    @property
    def duration(self) -> timedelta | None:
        """How long that is; None: for ever."""
        return None if self.days is None else timedelta(days=self.days)


def read_ages(asked: Mapping[str, int | None] | None = None) -> dict[str, Age]:
    """Return the age of each group; records have one for each source, `records-gateway` say.

    Args:
        asked: group → days that are asked for this once, instead of what the environment says.

    Raises:
        AgeError: a group is unknown, or its days are not from 1 to 3650.
    """
    given = _check(asked or {})
    ages = {}
    for group, days in settings.RETENTION_DAYS.items():
        ages[group] = Age(days=days, source=f"RETENTION_{group.upper()}_DAYS")
    for source, variable in RECORDS_OF.items():
        ages[f"records-{source}"] = Age(days=getattr(settings, variable), source=variable)
    ages["deliveries"] = Age(days=KEPT.days, source="fixed")
    for name in ages:
        group = name.partition("-")[0]
        if group in given:
            ages[name] = Age(days=given[group], source=f"--{group}")
    return ages


def _check(asked: Mapping[str, int | None]) -> dict[str, int]:
    """Return the ages that are asked for."""
    given = {}
    for group, days in asked.items():
        if group not in GROUPS:
            raise AgeError(f"{group} is none of {', '.join(GROUPS)}")
        if days is None:
            continue
        if not 1 <= days <= LONGEST_DAYS:
            raise AgeError(f"--{group} is {days}; it must be an integer (days) from 1 to 3650")
        given[group] = days
    return given
