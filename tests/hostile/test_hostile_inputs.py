"""Every hostile input is refused or comes to its end within 2 s of processor time and 200 MB."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.inputs import ROWS

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS = 2.0
MOST_MEGABYTES = 200
PARTS = 2


@pytest.fixture(scope="module")
def results():
    """Try all of them, in two processes at a time."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.inputs", str(part), str(PARTS)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for part in range(PARTS)
    ]
    outputs = [process.communicate(timeout=600)[0] for process in running]
    assert [process.returncode for process in running] == [0] * PARTS
    lines = [line for output in outputs for line in output.splitlines()]
    return {result["name"]: result for result in map(json.loads, lines)}


@pytest.mark.parametrize("name", ROWS)
def test_it_is_refused_or_ends(results, name):
    result = results[name]
    assert result.get("failure") is None
    assert "\n" not in result["sentence"]
    assert result["seconds"] < MOST_SECONDS
    assert result["megabytes"] < MOST_MEGABYTES


def test_the_table_is_not_small():
    assert len(ROWS) >= 60
