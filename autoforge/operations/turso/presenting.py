"""What the commands for Turso print: rows for people, documents for programs."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from autoforge.operations.turso.api import Database, Quotas, Usage
from autoforge.operations.turso.tokens import NewToken
from autoforge.operations.turso.trial import build_url

__all__ = [
    "describe_database",
    "describe_new_token",
    "describe_usage",
    "format_table",
    "format_time",
    "list_usage_rows",
]

UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def describe_database(database: Database) -> dict[str, object]:
    """Return a database as JSON documents are made of."""
    return {
        "name": database.name,
        "id": database.id,
        "url": build_url(database.hostname),
        "hostname": database.hostname,
        "group": database.group,
        "region": database.region,
        "delete_protection": database.is_protected,
        "blocks_reads": database.blocks_reads,
        "blocks_writes": database.blocks_writes,
    }


def describe_new_token(token: NewToken, *, shows_token: bool) -> dict[str, object]:
    """Return a new token as JSON documents are made of; its text only where that was asked for."""
    document: dict[str, object] = {
        "expires_at": token.ends and token.ends.isoformat(),
        "access": "read-only" if token.is_read_only else "full-access",
        "written_to": str(token.destination.path) if token.destination else None,
        "works": not token.failure,
    }
    if shows_token:
        document["token"] = token.text
    return document


def describe_usage(name: str, used: Usage, whole: Usage, quotas: Quotas) -> dict[str, object]:
    """Return what was used and what the plan allows as JSON documents are made of."""
    return {
        "database": {
            "name": name,
            "rows_read": used.rows_read,
            "rows_written": used.rows_written,
            "storage_bytes": used.storage_bytes,
        },
        "organization": {
            "rows_read": whole.rows_read,
            "rows_written": whole.rows_written,
            "storage_bytes": whole.storage_bytes,
        },
        "quotas": {
            "plan": quotas.plan,
            "rows_read": quotas.rows_read,
            "rows_written": quotas.rows_written,
            "storage_bytes": quotas.storage_bytes,
        },
    }


def list_usage_rows(used: Usage, whole: Usage, quotas: Quotas) -> list[Sequence[str]]:
    """Return the table of usage: of the database, of all databases, what the plan allows."""
    return [
        ("this month", "database", "organization", "plan", "of the plan"),
        (
            "rows read",
            f"{used.rows_read:,}",
            f"{whole.rows_read:,}",
            _number(quotas.rows_read),
            _share(whole.rows_read, quotas.rows_read),
        ),
        (
            "rows written",
            f"{used.rows_written:,}",
            f"{whole.rows_written:,}",
            _number(quotas.rows_written),
            _share(whole.rows_written, quotas.rows_written),
        ),
        (
            "storage",
            _size(used.storage_bytes),
            _size(whole.storage_bytes),
            "–" if quotas.storage_bytes is None else _size(quotas.storage_bytes),
            _share(whole.storage_bytes, quotas.storage_bytes),
        ),
    ]


def format_table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as lines, with columns of one width."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def format_time(moment: datetime | None) -> str:
    """Return a time for people."""
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _share(used: int, allowed: int | None) -> str:
    if not allowed:
        return "–"
    return f"{100 * used / allowed:.1f} %"


def _size(count: float) -> str:
    """Return a number of bytes in units of a thousand, as Turso counts its quotas."""
    for unit in UNITS:
        if count < 1000 or unit == UNITS[-1]:
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
