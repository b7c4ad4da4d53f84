"""Every attack is refused in under 100 ms of the processor and 50 MB."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.prompts.rendering.attacks import ATTACKS

ROOT = Path(__file__).resolve().parents[3]
MOST_SECONDS = 0.1
MOST_BYTES = 50_000_000


@pytest.fixture(scope="module")
def results() -> dict[str, dict]:
    """Run the whole table in another process, whose limits keep a hole from hurting."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.prompts.rendering.attacks"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {result["name"]: result for result in json.loads(done.stdout)}


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_refused(results, name):
    result = results[name]
    assert result["refusal"]
    assert result["peak_bytes"] < MOST_BYTES
    assert result["seconds"] < MOST_SECONDS


def test_the_table_is_not_small():
    assert len(ATTACKS) >= 90
