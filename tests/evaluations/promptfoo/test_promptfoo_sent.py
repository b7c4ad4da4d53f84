"""What the real promptfoo sent for configurations (`make differential` records it) and we."""

import json
from pathlib import Path

import pytest

from differential.evaluating import evaluate
from differential.requests import (
    REQUEST_FOLDERS,
    asking,
    compare_seen,
    environment_of,
    see_ours,
)
from differential.service import running

RECORDED = json.loads(
    (Path(__file__).parent / "promptfoo_requests.json").read_text(encoding="utf-8")
)


def test_each_configuration_is_recorded():
    assert set(RECORDED) == {folder.name for folder in REQUEST_FOLDERS}
    assert len(RECORDED) >= 20
    assert sum(len(seen["requests"]) for seen in RECORDED.values()) >= 90


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("folder", REQUEST_FOLDERS, ids=lambda folder: folder.name)
def test_we_send_what_promptfoo_sends_but_for_the_written_differences(folder, settings):
    with running() as service, asking(service):
        settings.PROVIDER_ENVIRONMENT = {
            **settings.PROVIDER_ENVIRONMENT,
            **environment_of(service),
            "MODEL_ALLOWED_NETWORKS": "loopback",
        }
        found = compare_seen(
            folder.name, RECORDED[folder.name], see_ours(folder, evaluate, service)
        )
    assert [one for one in found if one["why"] is None] == []
