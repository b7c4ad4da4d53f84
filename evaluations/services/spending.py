"""What callers may spend on models in a day (UTC), over all processes.

A call reserves what it will cost at most, about, before it begins, and puts the real amount in its
place afterwards. So calls at the same time see each other, and a limit is passed by one call at
most.
"""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Final

from django.db import connection
from django.db.models import F
from django.db.models.functions import Greatest

from core.errors import ApplicationError
from evaluations.models import KeySpending

__all__ = [
    "Reservation",
    "SpendingLimitError",
    "reserve",
    "seconds_until_tomorrow",
    "settle",
]

NANO: Final = 1_000_000_000
LARGEST: Final = 2**62  # no limit: more than there is money
# One statement, so that no other process comes between looking and counting. Nothing comes back
# where the limit is reached.
RESERVE: Final = """
    INSERT INTO key_spending (caller, day, nano_usd, calls) VALUES (%s, %s, %s, 1)
    ON CONFLICT (caller, day) DO UPDATE
    SET nano_usd = key_spending.nano_usd + excluded.nano_usd, calls = key_spending.calls + 1
    WHERE key_spending.nano_usd < %s
    RETURNING nano_usd
"""


class SpendingLimitError(ApplicationError):
    """The caller has spent what it may spend today, or what a call costs is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservation:
    """What a call has reserved."""

    caller: str
    """The identity of who calls."""
    day: date
    """Of the call's beginning; its cost counts for that day."""
    nano_usd: int
    """What is reserved."""


def reserve(
    *, caller: str, usd_per_day: Decimal | None, cost_usd: Decimal | None, is_paid: bool
) -> Reservation:
    """Count a call before it begins.

    Args:
        caller: identity of who calls.
        usd_per_day: most that it may spend; None: no limit.
        cost_usd: what the call will cost, about; None: the price is not known.
        is_paid: whether the model costs money at all.

    Raises:
        SpendingLimitError: the limit is reached, or there is one and the price is not known.
    """
    limit = LARGEST
    if usd_per_day is not None:
        if cost_usd is None and is_paid:
            raise SpendingLimitError("gateway.no-price", limit=f"{usd_per_day:.2f}")
        limit = _to_nano(usd_per_day)
    day = datetime.now(UTC).date()
    amount = _to_nano(cost_usd or Decimal(0))
    is_free = amount == 0 and not is_paid
    if is_free:
        limit = LARGEST  # nothing is spent
    row = None
    if limit > 0:  # a limit of 0 allows no first call either
        with connection.cursor() as cursor:
            cursor.execute(RESERVE, [caller, day.isoformat(), amount, limit])
            row = cursor.fetchone()
    if row is None:
        raise SpendingLimitError("gateway.daily-limit", limit=f"{usd_per_day:.2f}")
    return Reservation(caller=caller, day=day, nano_usd=amount)


def settle(reservation: Reservation, *, cost_usd: Decimal | None) -> None:
    """Put what a call cost in the place of what it had reserved.

    Args:
        reservation: of the call.
        cost_usd: what it cost; None: it is not known, and what was reserved stays.
    """
    if cost_usd is None:
        return
    difference = _to_nano(cost_usd) - reservation.nano_usd
    if difference == 0:
        return
    rows = KeySpending.objects.filter(caller=reservation.caller, day=reservation.day)
    rows.update(nano_usd=Greatest(F("nano_usd") + difference, 0))


def seconds_until_tomorrow() -> int:
    """Return how long the day (UTC) lasts, from 1."""
    now = datetime.now(UTC)
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
    return max(1, math.ceil((midnight - now).total_seconds()))


def _to_nano(usd: Decimal) -> int:
    """Return whole billionths; a part of one counts as one."""
    nano = (usd * NANO).to_integral_value(ROUND_UP)
    return min(LARGEST, int(nano))
