"""The formats of reports by name: every module in `formats/` has one, as `FORMAT`."""

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final

from evaluations.reporting import formats
from evaluations.reporting.report import Report
from evaluations.reporting.report_format import ReportFormat
from evaluations.reporting.rows import in_parts

__all__ = ["FORMATS", "write"]


def _load() -> dict[str, ReportFormat]:
    loaded: dict[str, ReportFormat] = {}
    for module in pkgutil.iter_modules(formats.__path__):
        item: ReportFormat = import_module(f"{formats.__name__}.{module.name}").FORMAT
        if item.name in loaded:
            raise RuntimeError(f"{module.name}: there is a report format “{item.name}” already")
        loaded[item.name] = item
    return dict(sorted(loaded.items()))


FORMATS: Final[Mapping[str, ReportFormat]] = MappingProxyType(_load())


def write(report: Report, kind: str) -> Iterator[str]:
    """Yield a report in one of FORMATS, in parts of a fair size."""
    return in_parts(FORMATS[kind].write(report))
