"""Records of calls that did not come from a run: kept for some days."""

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from core.json import dump
from evaluations.models import CallRecord
from evaluations.recorded import KeptRecord, NewRecord, keep
from evaluations.services.store import insert_rows
from prompts import interface as prompts

__all__ = ["delete_old_records", "delete_records", "keep_records", "list_old_records"]

logger = logging.getLogger(__name__)

ROWS_A_STATEMENT: Final = 500
CLEANED_EVERY_SECONDS: Final = 3600.0
BUSY_SECONDS: Final = 60.0
"""The wait where there was more to delete than one statement takes."""

_cleaning = threading.Lock()
_next_cleaning: list[float] = []
"""When this process cleans next, by its monotonic clock; one entry at most."""


class _NewRow(NamedTuple):
    """A row of call_records as it is inserted: JSON as text."""

    source: str
    trace_id: str
    span_id: str
    name: str
    provider: str
    model: str
    asked_at: str
    answered_at: str
    parameters: str
    messages: str
    variables: str
    output: str
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    error: str
    prompt_name: str
    prompt_number: int | None
    version_id: str | None
    caller: str
    metadata: str
    is_cut: int


def keep_records(*, records: Sequence[NewRecord], caller: str) -> int:
    """Store calls; return how many are new.

    A call whose trace and span are stored already is left out: exporters send again. One record
    takes one round trip where its version is known, or it has none; one query finds the versions
    of all others.

    Args:
        records: the calls.
        caller: name of the API key or person that tells of them.
    """
    if not records:
        return 0
    kept = [keep(record) for record in records]
    versions = _find_versions(kept)
    rows = [_build_row(one, versions, caller) for one in kept]
    try:
        count = _insert(rows)
    except IntegrityError:
        # A version was deleted meanwhile; the name and the number stay.
        count = _insert([row._replace(version_id=None) for row in rows])
    if settings.QUEUE == "in-process":
        _clean_sometimes()
    return count


def _find_versions(kept: Iterable[KeptRecord]) -> dict[tuple[str, int], UUID]:
    asked = set()
    for one in kept:
        record = one.record
        if record.version_id is None and record.prompt_name and record.prompt_number is not None:
            asked.add((record.prompt_name, record.prompt_number))
    return dict(prompts.find_version_keys(asked)) if asked else {}


def _insert(rows: Sequence[_NewRow]) -> int:
    if len(rows) == 1:  # one statement is all or nothing by itself
        return insert_rows("call_records", _NewRow._fields, rows)
    with transaction.atomic():
        return insert_rows("call_records", _NewRow._fields, rows)


def _build_row(one: KeptRecord, versions: dict[tuple[str, int], UUID], caller: str) -> _NewRow:
    record = one.record
    version = record.version_id
    if version is None and record.prompt_number is not None:
        version = versions.get((record.prompt_name, record.prompt_number))
    return _NewRow(
        source=record.source,
        trace_id=record.trace_id,
        span_id=record.span_id,
        name=record.name,
        provider=record.provider,
        model=record.model,
        asked_at=_write_time(record.asked_at),
        answered_at=_write_time(record.answered_at),
        parameters=dump(record.parameters),
        messages=dump(record.messages),
        variables=dump(record.variables),
        output=record.output,
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        cost_usd=None if record.cost_usd is None else float(record.cost_usd),
        error=record.error,
        prompt_name=record.prompt_name,
        prompt_number=record.prompt_number,
        version_id=None if version is None else version.hex,
        caller=caller[:255],
        metadata=dump(record.metadata),
        is_cut=int(one.is_cut),
    )


def _write_time(value: datetime) -> str:
    return str(connection.ops.adapt_datetimefield_value(value))


def delete_records(record_ids: Iterable[int | str]) -> int:
    """Delete records; return how many there were."""
    keys = list(record_ids)
    count = 0
    for start in range(0, len(keys), ROWS_A_STATEMENT):
        count += _delete_keys(keys[start : start + ROWS_A_STATEMENT])
    return count


def list_old_records(source: str, *, before: datetime) -> QuerySet[CallRecord]:
    """Return the records of a source that were received before then, the oldest first."""
    old = CallRecord.objects.filter(source=source, received_at__lt=before)
    return old.order_by("received_at")


def delete_old_records(
    *, now: datetime | None = None, limit: int | None = None, days: Mapping[str, int] | None = None
) -> int:
    """Delete records that are older than their source is kept; return how many there were.

    Args:
        now: the time; default the present.
        limit: most that are deleted of each source; default no limit.
        days: source → how many days its records are kept; 0 deletes all of them. Default: as the
            settings say, `GATEWAY_RECORDS_DAYS` and `TRACES_KEPT_DAYS`.
    """
    now = now or timezone.now()
    if days is None:
        days = {
            CallRecord.Source.GATEWAY: settings.GATEWAY_RECORDS_DAYS,
            CallRecord.Source.TRACE: settings.TRACES_KEPT_DAYS,
        }
    count = 0
    for source, kept_days in days.items():
        count += _delete_before(source, now - timedelta(days=kept_days), limit)
    return count


def _delete_before(source: str, time_limit: datetime, limit: int | None) -> int:
    old = list_old_records(source, before=time_limit)
    count = 0
    while limit is None or count < limit:
        size = ROWS_A_STATEMENT if limit is None else min(ROWS_A_STATEMENT, limit - count)
        keys = list(old.values_list("pk", flat=True)[:size])
        if keys:
            # A few at a time: others write in between.
            count += _delete_keys(keys)
        if len(keys) < size:
            break
    return count


def _delete_keys(keys: Sequence[int | str]) -> int:
    count, _models = CallRecord.objects.filter(pk__in=keys).delete()
    return count


def _clean_sometimes() -> None:
    """Delete some old records, where no worker does it: once an hour, or sooner if more is left."""
    if not _cleaning.acquire(blocking=False):
        return
    try:
        now = time.monotonic()
        if _next_cleaning and now < _next_cleaning[0]:
            return
        _next_cleaning[:] = [now + CLEANED_EVERY_SECONDS]
        if delete_old_records(limit=ROWS_A_STATEMENT) >= ROWS_A_STATEMENT:
            _next_cleaning[:] = [now + BUSY_SECONDS]
    except DatabaseError:
        # The new records are stored; the old ones can wait.
        logger.warning("Old records could not be deleted", exc_info=True)
    finally:
        _cleaning.release()
