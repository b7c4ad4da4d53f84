"""A run for people and machines; one more format is one more file in `formats/`.

report ◀── figures, notes, rows ◀── formats/ (by the contract in report_format) ◀── registry
"""

from evaluations.reporting.registry import FORMATS, write
from evaluations.reporting.report import ERRORS, ColumnReport, Report, build_report, exit_code
from evaluations.reporting.report_format import ReportFormat

__all__ = [
    "ERRORS",
    "FORMATS",
    "ColumnReport",
    "Report",
    "ReportFormat",
    "build_report",
    "exit_code",
    "write",
]
