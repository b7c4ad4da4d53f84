"""Texts of tables as the readers of suites take them."""

from evaluations.engine.formats.tables import open_suite_table, read_table
from evaluations.promptfoo.csv import table_tests

__all__ = ["csv_tests", "read_text_table"]


def read_text_table(text: str, file: str, **fields):
    """Return the suite of a plain table."""
    table = open_suite_table(text.encode("utf-8", "surrogatepass"), file)
    return read_table(table, file, **fields)


def csv_tests(text: str, file: str):
    """Return the tests of a table in promptfoo's columns, and warnings."""
    return table_tests(open_suite_table(text.encode(), file), file)
