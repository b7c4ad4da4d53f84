"""All numbers as Prometheus' text (format 0.0.4): of every process of this server, added up."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.values import ValueClass

from autoforge.metrics import folder
from autoforge.metrics.definitions import REGISTRY
from autoforge.metrics.readings import describe_build, read_all

__all__ = ["CONTENT_TYPE", "write_metrics"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class _Families(Collector):
    """A list of numbers that is already there."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._families


def write_metrics(*, with_readings: bool) -> bytes:
    """Return the numbers.

    Args:
        with_readings: whether the state of database, queue and Redis is read and told as well.
            It is the same whoever asks, so that one kind of process tells it.
    """
    families = [*_collect_counted(), describe_build()]
    if with_readings:
        families += read_all()
    registry = CollectorRegistry()
    registry.register(_Families(families))
    return generate_latest(registry)


def _collect_counted() -> list[Metric]:
    place = folder.find_folder()
    # What counts: how prometheus_client keeps numbers, which it decides when it is imported.
    if place is None or not getattr(ValueClass, "_multiprocess", False):
        return list(REGISTRY.collect())
    with folder.reading(place) as files:
        return list(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]  # theirs
