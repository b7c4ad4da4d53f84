"""The folder of a server's numbers: what a dead process has counted stays, its files do not."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.multiprocess import MultiProcessCollector

from autoforge.metrics import folder

COUNT = """
import sys
from prometheus_client import Counter, Gauge, Histogram
counter = Counter("a", "b", ["c"])
histogram = Histogram("d", "e", buckets=(1, 2))
gauge = Gauge("f", "g", multiprocess_mode="liveall")
for number in range(int(sys.argv[1])):
    counter.labels("x").inc()
    histogram.observe(1.5)
gauge.set(1)
import os
print(os.getpid())
"""


@pytest.fixture(autouse=True)
def _no_folder():
    os.environ.pop(folder.VARIABLE, None)
    yield
    while folder._held:
        os.close(folder._held.pop())
    os.environ.pop(folder.VARIABLE, None)


def count(place: Path, times: int) -> int:
    """Count in a process that ends; return its number."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT, str(times)],
        env=os.environ | {folder.VARIABLE: str(place)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout)


def read(place: Path) -> dict[tuple, float]:
    with folder.reading(place) as files:
        families = list(MultiProcessCollector.merge(files))
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_process_without_a_server_counts_for_itself():
    assert folder.find_folder() is None


def test_the_folder_is_for_its_owner_and_named_in_the_environment(tmp_path):
    place = folder.prepare(tmp_path)
    assert place.parent == tmp_path
    assert place.stat().st_mode & 0o777 == 0o700
    assert folder.find_folder() == place


def test_a_folder_that_is_named_already_is_taken_and_not_removed(tmp_path):
    chosen = tmp_path / "chosen"
    os.environ[folder.VARIABLE] = str(chosen)
    assert folder.prepare(tmp_path) == chosen
    folder.discard(chosen)
    assert chosen.is_dir()


def test_what_dead_processes_have_counted_is_added_up_and_their_files_go(tmp_path):
    place = folder.prepare(tmp_path)
    expected = {
        ("a_total", "x"): 12.0,
        ("d_bucket", "1.0"): 0.0,
        ("d_bucket", "2.0"): 12.0,
        ("d_bucket", "+Inf"): 12.0,
        ("d_count",): 12.0,
        ("d_sum",): 18.0,
    }
    first, second = count(place, 3), count(place, 4)
    assert folder.absorb(place, first)
    assert folder.absorb(place, second)
    third = count(place, 5)
    counted = read(place)
    assert counted.pop(("f", str(third))) == 1.0  # the gauges of the dead are gone
    assert counted == expected
    assert folder.absorb(place, third)
    assert read(place) == expected
    names = sorted(path.name for path in place.glob("*.db"))
    assert names == ["counter_0.db", "histogram_0.db"]


def test_a_process_that_has_counted_nothing_leaves_nothing(tmp_path):
    place = folder.prepare(tmp_path)
    assert folder.absorb(place, 999_999)
    assert read(place) == {}


def test_numbers_are_not_moved_while_they_are_read(tmp_path):
    place = folder.prepare(tmp_path)
    pid = count(place, 2)
    with folder.reading(place):
        assert not folder.absorb(place, pid)
    assert read(place)["a_total", "x"] == 2.0
    assert folder.absorb(place, pid)
    assert read(place)["a_total", "x"] == 2.0


def test_a_folder_in_use_by_another_server_stays(tmp_path):
    place = folder.prepare(tmp_path)
    context = multiprocessing.get_context("fork")
    ready, go = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(place), ready, go))
    other.start()
    assert ready.wait(20)
    folder.discard(place)  # ours has ended; the one that replaces it counts on
    assert place.is_dir()
    del os.environ[folder.VARIABLE]
    newer = folder.prepare(tmp_path)  # a third one looks for what is abandoned
    assert place.is_dir()
    go.set()
    other.join(20)
    folder.discard(newer)
    assert not newer.exists()


def test_what_a_killed_server_has_left_is_removed_by_the_next(tmp_path):
    place = folder.prepare(tmp_path)
    count(place, 1)
    while folder._held:  # the kernel does this for a process that is killed
        os.close(folder._held.pop())
    del os.environ[folder.VARIABLE]
    newer = folder.prepare(tmp_path)
    assert not place.exists()
    assert newer.is_dir()


def _hold(place: str, ready, go) -> None:
    while folder._held:  # what a fork inherits is the parent's
        os.close(folder._held.pop())
    os.environ[folder.VARIABLE] = place
    folder.prepare(Path(place).parent)
    ready.set()
    go.wait(20)
