"""What the real promptfoo made of whole configurations (`make differential` records it) and we."""

import json
from pathlib import Path

import pytest

from differential.configs import FOLDERS, differing, our_rows
from differential.evaluating import evaluate

RECORDED = json.loads(
    (Path(__file__).parent / "promptfoo_configs.json").read_text(encoding="utf-8")
)


def test_each_configuration_is_recorded():
    assert set(RECORDED) == {folder.name for folder in FOLDERS}
    assert len(RECORDED) >= 30
    assert sum(map(len, RECORDED.values())) >= 200


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_we_agree_with_promptfoo_but_for_the_written_differences(folder):
    found = differing(folder.name, RECORDED[folder.name], our_rows(folder, evaluate))
    assert [one for one in found if one["why"] is None] == []
