"""Compares the contenders' measurements: tables, ratios, and the targets of our backend."""

from collections.abc import Sequence
from typing import Any, Final

from database.contenders import OURS, REPLICA, SQLITE
from database.measurement import DELAYED, FLOOR, LOOPBACK, Cell, Competitor

__all__ = ["list_missed_targets", "print_table", "print_targets", "to_json"]

# Where all send one request and wait for the network, a few per cent are noise.
MAX_PEER_RATIO: Final = 1.05
# A contender without transactions sends these in one request, which is not the same work.
TRANSACTIONAL: Final = {
    "create in atomic()",
    "atomic get, save, nested create",
    "bulk_create 1000",
    "get_or_create, new",
}
MAX_ROUND_TRIPS: Final = {
    "get by key": 1,
    "empty atomic()": 0,
    "write outside of atomic()": 1,
    "create in atomic()": 2,
    "bulk_create 1000": 2,
}
# Times as slow as a SQLite file on loopback.
MAX_RATIOS: Final = {
    (OURS, "get by key"): 3.5,
    (OURS, "fetch 10,000 rows"): 1.6,
    (REPLICA, "get by key"): 1.3,
    (REPLICA, "fetch 10,000 rows"): 1.3,
}


def list_missed_targets(competitors: Sequence[Competitor]) -> list[str]:
    """Return a sentence for each target that our backend misses."""
    ours = _find(competitors, OURS)
    sqlite = _find(competitors, SQLITE)
    missed = []
    for operation, limit in MAX_ROUND_TRIPS.items():
        round_trips = ours.cell(operation, DELAYED).round_trips
        if round_trips is None or round_trips > limit:
            missed.append(f"{operation}: {round_trips} round trips; the limit is {limit}")
    for (name, operation), max_ratio in MAX_RATIOS.items():
        cell = _find(competitors, name).cell(operation, LOOPBACK)
        ratio = _ratio(cell, sqlite.cell(operation, LOOPBACK))
        if ratio is None or ratio > max_ratio:
            shown = "not measured" if ratio is None else f"{ratio:.2f} times as slow as SQLite"
            missed.append(f"{operation}, {name}: {shown}; the limit is {max_ratio}")
    for (operation, network), cell in ours.cells.items():
        ratio = _ratio(cell, _find_best_peer(competitors, operation, network))
        if ratio is not None and ratio > MAX_PEER_RATIO:
            missed.append(f"{operation} ({network}): {ratio:.2f} times as slow as the best peer")
    return missed


def _find(competitors: Sequence[Competitor], name: str) -> Competitor:
    for competitor in competitors:
        if competitor.contender.name == name:
            return competitor
    raise LookupError(name)


def _find_best_peer(competitors: Sequence[Competitor], operation: str, network: str) -> Cell | None:
    """Return the fastest of the other clients that do the same work."""
    if operation == "empty atomic()":  # sends nothing: there is nothing to compare
        return None
    best: Cell | None = None
    best_median = float("inf")
    for competitor in competitors:
        contender = competitor.contender
        if not contender.packages:  # ours and SQLite
            continue
        if operation in TRANSACTIONAL and not contender.has_transactions:
            continue
        cell = competitor.cell(operation, network)
        if cell.median is not None and cell.median < best_median:
            best, best_median = cell, cell.median
    return best


def _ratio(cell: Cell, other: Cell | None) -> float | None:
    """Return how many times as long it took, by the fastest turn of each.

    A turn's time is its median. What made other turns slower was something else: two processes that
    wait for each other wait longer on a busy machine than one that asks nobody.
    """
    if other is None or not cell.median or not other.median:
        return None
    return min(cell.turns) / min(other.turns)


def print_table(title: str, competitors: Sequence[Competitor]) -> None:
    """Print the medians on loopback and through the proxy, then notes and errors."""
    print(f"\n{title}, loopback: median in ms")
    _print_rows(_build_rows(competitors, LOOPBACK))
    _print_floors(competitors)
    print(f"\n{title}, 20 ms each way: median in ms, round trips")
    _print_rows(_build_rows(competitors, DELAYED))
    for competitor in competitors:
        name = competitor.contender.name
        if competitor.contender.note:
            print(f"  {name}: {competitor.contender.note}")
        for (operation, network), cell in competitor.cells.items():
            # What fails on loopback fails through the proxy as well; only slowness is its own.
            if cell.error and (network != DELAYED or "slow" in cell.error):
                print(f"  {name}, {operation}: {cell.error}")


def _print_floors(competitors: Sequence[Competitor]) -> None:
    """Print how much of an operation is the server's and the network's, whoever asks."""
    ours, sqlite = _find(competitors, OURS), _find(competitors, SQLITE)
    for (operation, network), cell in list(ours.cells.items()):
        ratio = _ratio(cell, sqlite.cell(operation, LOOPBACK))
        if network == FLOOR and cell.median and ratio:
            print(
                f"  {operation}, {OURS}: the server takes {cell.median * 1000:.2f} ms of it, "
                f"{ratio:.2f} times SQLite: the same bytes over a plain socket"
            )


def _build_rows(competitors: Sequence[Competitor], network: str) -> list[list[str]]:
    """Return the rows of a table, its heading first."""
    is_loopback = network == LOOPBACK
    ours = _find(competitors, OURS)
    sqlite = _find(competitors, SQLITE)
    columns = list(competitors)
    if not is_loopback:  # a file has no network
        columns = [column for column in columns if column.delayed is not None]
    heading = ["", *(column.contender.name for column in columns)]
    if is_loopback:
        heading.append("ours/SQLite")
    heading.append("ours/best peer")
    rows = [heading]
    operations = dict.fromkeys(operation for operation, _network in ours.cells)
    for operation in operations:
        row = [operation]
        row += [_format_cell(column, operation, network) for column in columns]
        cell = ours.cell(operation, network)
        if is_loopback:
            row.append(_format_ratio(_ratio(cell, sqlite.cell(operation, network))))
        best = _find_best_peer(competitors, operation, network)
        row.append(_format_ratio(_ratio(cell, best)))
        rows.append(row)
    return rows


def _format_cell(competitor: Competitor, operation: str, network: str) -> str:
    cell = competitor.cell(operation, network)
    if cell.error.startswith("too slow"):
        return "too slow"
    if cell.median is None:
        return "fails"
    text = f"{cell.median * 1000:.2f}"
    if operation in TRANSACTIONAL and not competitor.contender.has_transactions:
        text += "*"
    if network == LOOPBACK:
        return text
    if cell.connections:
        return f"{text} ({cell.round_trips}+{cell.connections})"
    return f"{text} ({cell.round_trips})"


def _format_ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _print_rows(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += map(str.rjust, row[1:], widths[1:])
        print("  " + "  ".join(cells))


def print_targets(missed: Sequence[str]) -> None:
    """Print how many targets there are, and which of them were missed."""
    print("\n(n+m) round trips and new connections; * not the same work: no transaction.")
    count = len(MAX_ROUND_TRIPS) + len(MAX_RATIOS)
    print(
        f"targets: {count} of round trips and of ratios to SQLite; no peer faster by over 5 %; of "
        "crowds: no error, no stream more than threads, 90 % of the limit"
    )
    for sentence in missed:
        print(f"  missed: {sentence}")
    if not missed:
        print("  all reached")


def to_json(competitors: Sequence[Competitor]) -> dict[str, Any]:
    """Return the measurements of each contender, by its name."""
    measurements: dict[str, Any] = {}
    for competitor in competitors:
        cells = {}
        for (operation, network), cell in competitor.cells.items():
            cells[f"{operation} ({network})"] = {
                "median_seconds": cell.median,
                "round_trips": cell.round_trips,
                "error": cell.error,
            }
        measurements[competitor.contender.name] = cells
    return measurements
