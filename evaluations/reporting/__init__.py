"""A run for people and machines: one file for each format."""

from evaluations.reporting.report import FORMATS, ColumnReport, Report, build_report, exit_code
from evaluations.reporting.writers import write

__all__ = ["FORMATS", "ColumnReport", "Report", "build_report", "exit_code", "write"]
