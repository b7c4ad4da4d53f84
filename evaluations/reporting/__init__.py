"""A run for people and machines: one file for each format."""

from evaluations.reporting.report import (
    ERRORS,
    FORMATS,
    ColumnReport,
    Report,
    build_report,
    exit_code,
)
from evaluations.reporting.writers import write

__all__ = ["ERRORS", "FORMATS", "ColumnReport", "Report", "build_report", "exit_code", "write"]
