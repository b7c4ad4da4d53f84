"""The widths at which pages are looked at, in two languages and schemes."""

import pytest

__all__ = ["DESK", "PHONE", "at_both_widths"]

DESK, PHONE = (1440, 900), (390, 844)

at_both_widths = pytest.mark.parametrize(
    ("scheme", "locale", "opened", "then"),
    [("light", "en", DESK, PHONE), ("dark", "ja", PHONE, DESK)],
    ids=["light-en", "dark-ja"],
)
"""A page is opened at one width and moved to the other."""
