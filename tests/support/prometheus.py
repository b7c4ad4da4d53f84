"""Reads what Prometheus would: the text of `/metrics`, strictly."""

import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

__all__ = ["check_with_promtool", "find_promtool", "read_samples"]

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read_samples(text: str) -> Samples:
    """Return (name, labels) → value; every family is described, no sample is twice."""
    samples: Samples = {}
    families = set()
    for family in text_string_to_metric_families(text):
        assert family.documentation, f"{family.name} has no help text"
        assert family.type in {"counter", "gauge", "histogram"}, f"{family.name} is {family.type}"
        assert family.name not in families, f"{family.name} is there twice"
        families.add(family.name)
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples, f"{key} is there twice"
            samples[key] = sample.value
    return samples


def find_promtool() -> str:
    """Return the program that comes with Prometheus; without it the test is skipped."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (it comes with Prometheus)")
    return program


def check_with_promtool(*arguments: str | Path, text: str | None = None) -> str:
    """Run promtool, fail with what it says where it is not content, and return its output."""
    done = subprocess.run(
        [find_promtool(), *map(str, arguments)],
        input=text, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said
