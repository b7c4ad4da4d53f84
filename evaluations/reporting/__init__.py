"""A run for people and machines; one more format is one more file in `formats/`.

report ◀── figures, notes, rows ◀── case_table ◀── formats/ (by report_format) ◀── registry
"""

from evaluations.reporting.case_table import DEFAULT_ROWS, TableStyle
from evaluations.reporting.formats.table import write_table
from evaluations.reporting.registry import FORMATS, write
from evaluations.reporting.report import (
    ERRORS,
    ColumnReport,
    Ending,
    Report,
    build_report,
    exit_code,
    explain_exit,
)
from evaluations.reporting.report_format import ReportFormat

__all__ = [
    "DEFAULT_ROWS",
    "ERRORS",
    "FORMATS",
    "ColumnReport",
    "Ending",
    "Report",
    "ReportFormat",
    "TableStyle",
    "build_report",
    "exit_code",
    "explain_exit",
    "write",
    "write_table",
]
