"""One reader of tables for the whole project: CSV, TSV, XLSX, JSON, JSON Lines and YAML.

    open_table ──▶ delimited, workbook ──▶ header ──▶ Table of Records
               ──▶ json_text, yaml_text ───────────▶ Table of Records

It knows encodings, delimiters, headers, limits and places, and nothing of prompts or suites: what a
column means is the caller's business. Plain Python; nothing that a file holds is ever run.
Every sentence is in the language of whoever reads it.
"""

from core.sentences import Sentence
from core.tables.delimited import read_delimited
from core.tables.formulas import ESCAPED, escape_formula, unescape_formula
from core.tables.limits import Limits
from core.tables.opening import (
    FORMATS,
    SUFFIXES,
    detect_format,
    open_table,
    read_bytes,
)
from core.tables.quoting import UnreadableError
from core.tables.records import InvalidValue, Record, Table

__all__ = [
    "ESCAPED",
    "FORMATS",
    "SUFFIXES",
    "InvalidValue",
    "Limits",
    "Record",
    "Sentence",
    "Table",
    "UnreadableError",
    "detect_format",
    "escape_formula",
    "open_table",
    "read_bytes",
    "read_delimited",
    "unescape_formula",
]
