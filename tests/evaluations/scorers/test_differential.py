"""What the real promptfoo said of generated pairs (`make differential` records it) and we."""

import json
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from differential.compare import disagreements
from differential.generate import TYPES

ROWS = json.loads((Path(__file__).parent / "promptfoo_answers.json").read_text(encoding="utf-8"))


def test_a_thousand_pairs_and_every_type():
    assert len(ROWS) >= 1000
    counts = Counter(row["assertion"]["type"].removeprefix("not-") for row in ROWS)
    assert set(counts) == set(TYPES)
    assert min(counts.values()) >= 30
    assert sum("not-" in row["assertion"]["type"] for row in ROWS) >= 300
    assert {row["verdict"].get("pass") for row in ROWS} >= {True, False}


@cache
def differences(kind):
    rows = [row for row in ROWS if row["assertion"]["type"].removeprefix("not-") == kind]
    return disagreements(rows, [row["verdict"] for row in rows])


@pytest.mark.parametrize("kind", TYPES)
def test_we_agree_with_promptfoo_but_for_the_written_differences(kind):
    assert [one for one in differences(kind) if one["why"] is None] == []


def test_the_written_differences_are_few():
    assert sum(len(differences(kind)) for kind in TYPES) <= len(ROWS) / 50
