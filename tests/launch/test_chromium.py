"""Which chromium the browser tests get, and what the summary says where there is none."""

import pytest


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return the one folder on PATH; it is empty."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_one_that_is_there_is_enough(programs, name):
    from launch.chromium import ensure

    (programs / name).write_text("#!/bin/sh\n")
    (programs / name).chmod(0o755)
    assert ensure() is None


def test_none_is_a_reason_with_the_way_out(programs, monkeypatch):
    from launch.chromium import ensure

    reason = "Chromium is not installed; install it (on Debian: sudo apt-get install chromium)"
    assert ensure() == reason
    monkeypatch.setenv("CHROMIUM", "no")
    assert ensure() == "Chromium is not installed, and CHROMIUM=no prevents installing it"
