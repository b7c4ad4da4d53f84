"""The guide of operation: what it tells an operator to type is what `make rehearse` runs.

That each box is really run is seen by the rehearsal itself, which fails where one is left over.
"""

import re

import pytest
from rehearse.guide import GUIDES, ROOT, list_boxes

ENGLISH, JAPANESE = GUIDES


def test_both_languages_have_the_same_boxes_in_the_same_order():
    assert list_boxes(ENGLISH) == list_boxes(JAPANESE)


@pytest.mark.parametrize("guide", GUIDES, ids=["en", "ja"])
def test_every_box_of_commands_is_rehearsed(guide):
    text = guide.read_text(encoding="utf-8")
    assert len(list_boxes(guide)) == len(re.findall(r"^```sh$", text, re.MULTILINE)) > 10


def test_every_box_belongs_to_an_event():
    week = (ROOT / "scripts" / "rehearse" / "week.py").read_text(encoding="utf-8")
    followed = re.findall(r'_follow\(\s*"([a-z-]+)"', week)
    assert sorted(followed) == sorted(name for name, _lines in list_boxes(ENGLISH))


def test_the_rehearsal_is_part_of_ci():
    assert "scripts/rehearse" in (ROOT / "scripts" / "test.py").read_text(encoding="utf-8")
