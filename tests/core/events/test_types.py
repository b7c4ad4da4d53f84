"""Types of events: the domains register them, and the guide names each in both languages."""

from pathlib import Path

import pytest

from core.events.types import TEST_EVENT, list_event_types

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_types_that_there_are():
    names = ["gate.refused", "label.moved", "prompt.version.created", "run.finished"]
    assert list(list_event_types()) == names


@pytest.mark.parametrize("page", ["webhooks.md", "webhooks.ja.md"])
def test_the_guide_has_a_row_for_each(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    for name in (*list_event_types(), TEST_EVENT):
        assert f"\n| `{name}` |" in text
