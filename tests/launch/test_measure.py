"""scripts/measure: figures of a small tree that can be counted by hand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from launch.errors import LaunchError

from measure.circles import list_circles
from measure.figures import list_files, measure_files
from measure.sources import open_checkout, unpack_revision

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = '[tool.importlinter]\nroot_packages = ["shop", "till"]\n'
PRICES = '''"""Prices."""

from typing import Any

# A comment alone in its line.
LIMIT = 3  # and one beside code


def price_of(row: Any, found=None):  # type: ignore[no-untyped-def]
    """Return it.

    Whatever it is.
    """
    if row and LIMIT:
        found = [item for item in row if item]

    return found or 0


class Price:
    def _show(self): return {1: 2 for _ in ()}  # noqa: E704

    async def load(self):
        try:
            import json as found
        except ImportError as error:
            while error: pass
'''


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "checkout"
    for name, text in {
        "pyproject.toml": SETTINGS,
        "shop/__init__.py": "",
        "shop/prices.py": PRICES,
        "shop/first.py": "from shop import second\n",
        "shop/second.py": "def later():\n    from till import third\n",
        "shop/alone.py": "from shop import first\n",
        "shop/tests/test_it.py": "x = 1\n",
        "shop/migrations/0001_first.py": "x = 1\n",
        "packages/till/src/till/__init__.py": "",
        "packages/till/src/till/third.py": "import shop.first\n",
        "other/file.py": "x = 1\n",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_each_figure_of_a_file_counted_by_hand(checkout):
    figures = measure_files([checkout / "shop" / "prices.py"])
    assert figures.files == 1
    assert figures.lines == 17  # 4 of them of docstrings; the blank ones are none
    assert figures.functions == 3
    assert (figures.median_length, figures.longest) == (5, 5)
    # 3 functions; if, and, a comprehension with an if, or; a comprehension; except, while.
    assert figures.branches == pytest.approx(100 * (3 + 5 + 1 + 2) / 11)
    assert figures.comprehensions == pytest.approx(1000 * 2 / 11)
    assert figures.comments == pytest.approx(100 / 17)
    assert figures.docstrings == pytest.approx(50)  # price_of and load; a class is none
    # row, found, found, item; self, _; self, found, error.
    assert figures.found == pytest.approx(1000 * 3 / 9)
    assert (figures.any_words, figures.suppressions, figures.named_of) == (2, 2, 1)


def test_of_no_file_every_figure_is_0():
    assert measure_files([]).branches == 0


def test_the_packages_are_read_without_tests_and_migrations(checkout):
    source = open_checkout(checkout, "ours")
    names = [path.name for path in list_files(source.folders) if path.name != "__init__.py"]
    assert names == ["alone.py", "first.py", "prices.py", "second.py", "third.py"]


def test_a_circle_of_files_is_found_over_two_packages(checkout):
    source = open_checkout(checkout, "ours")
    assert list_circles(source) == [["shop.first", "shop.second", "till.third"]]


def test_what_grimp_cannot_read_is_one_sentence(checkout):
    (checkout / "shop" / "first.py").write_text("from shop import (\n")
    with pytest.raises(LaunchError, match=r"^The imports of ours cannot be read: .*first\.py"):
        list_circles(open_checkout(checkout, "ours"))


def test_a_revision_is_measured_as_it_was(checkout, tmp_path):
    def git(*arguments):
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *arguments], cwd=checkout, check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    git("tag", "before")
    (checkout / "shop" / "second.py").write_text("")
    before = unpack_revision(checkout, "before", tmp_path / "before")
    assert before.name == "before"
    assert len(list_circles(before)) == 1
    assert list_circles(open_checkout(checkout, "ours")) == []
    with pytest.raises(LaunchError, match=r"^Revision --help cannot be read: "):
        unpack_revision(checkout, "--help", tmp_path / "no")


def test_a_folder_that_is_no_checkout_of_ours_is_one_sentence(tmp_path):
    with pytest.raises(LaunchError, match=r"^v0 has no pyproject\.toml that names"):
        open_checkout(tmp_path, "v0")


@pytest.mark.once
def test_the_command_prints_a_table_or_json():
    command = [sys.executable, "scripts/measure", "--without-peers"]
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert table.stdout.split()[0] == "ours"
    assert "\ncircles of files " in table.stdout
    command.append("--format=json")
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(told.stdout)["ours"]["files"] > 300
