"""The guide says of every scorer what the scorer itself says."""

import re
from pathlib import Path

import pytest

from evaluations.engine.scorers import SCORERS

ROOT = Path(__file__).resolve().parents[3]
ROW = re.compile(r"^\| `([a-z0-9:-]+)` \| (.+?) \| (.+?) \| (\S+) \| (\S+) \|$", re.MULTILINE)
JAPANESE = {"higher": "高", "lower": "低", "exact": "一致"}


def rows(page: str) -> dict[str, list[str]]:
    found = ROW.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert len({row[0] for row in found}) == len(found)
    return {name: cells for name, *cells in found}


def usual(scorer) -> str:
    limit = scorer.default_threshold
    return "–" if limit is None else f"{limit:g}"


def test_english():
    expected = {
        name: [one.title, one.normalisation, one.direction, usual(one)]
        for name, one in SCORERS.items()
    }
    assert rows("evaluations.md") == expected


def test_japanese():
    found = {name: cells[2:] for name, cells in rows("evaluations.ja.md").items()}
    assert found == {name: [JAPANESE[one.direction], usual(one)] for name, one in SCORERS.items()}


@pytest.mark.parametrize("page", ["evaluations.md", "evaluations.ja.md"])
def test_sets_are_explained(page):
    assert "`assert-set`" in (ROOT / "docs" / page).read_text(encoding="utf-8")
