"""What a format of reports is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from evaluations.reporting.report import Report

__all__ = ["ReportFormat"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportFormat:
    """One format, as a command and a page offer it."""

    name: str
    """What people type after --format: small letters."""
    title: str
    """What the page's menu calls it."""
    suffix: str
    """How a file of it ends, without a dot before it."""
    content_type: str
    """Its media type, with the charset of a text; UTF-8 is what is written."""
    write: Callable[[Report], Iterable[str]]
    """Yields the report part by part, so that a run of any size is never in memory whole."""
    is_download: bool = True
    """Whether the page offers it; what is made for a terminal is no file."""
