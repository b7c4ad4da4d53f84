"""`make matrix`: which pairs are tested, how they end, and what a program reads of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import package_matrix as matrix
import pytest
from launch.pythons import LOCKS, PYTHONS, supports

ROOT = Path(__file__).resolve().parents[2]
HERE = "{}.{}".format(*sys.version_info[:2])


def cell(verdict):
    return matrix.Cell(python="3.12", django="5.2", verdict=verdict, outcome="", seconds=1)


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        (["passed"], 0),
        (["passed", "not here"], 0),
        (["passed", "failed"], 1),
        (["not tested", "failed"], 1),
        (["passed", "not tested"], 2),
        (["not here"], 2),
        ([], 2),
    ],
)
def test_the_status_is_the_worst_of_all(verdicts, status):
    assert matrix.find_status([cell(verdict) for verdict in verdicts]) == status


@pytest.mark.parametrize(
    ("arguments", "pairs", "verdict"),
    [
        ([], [(p, d) for p in PYTHONS for d in LOCKS if supports(p, d)], "not here"),
        (["--python", "3.11"], [("3.11", "5.2")], "not tested"),
        (["--python=3.13", "--django=6.1"], [("3.13", "6.1")], "not tested"),
        (["--python=3.11", "--django=6.1"], [], ""),
    ],
)
def test_what_is_named_is_tested_and_has_to_be_here(monkeypatch, capsys, arguments, pairs, verdict):
    monkeypatch.setattr(matrix, "find_python", lambda _version: None)
    cells = list(matrix._test_all(matrix._parser().parse_args(arguments)))
    assert [(cell.python, cell.django) for cell in cells] == pairs
    assert {cell.verdict for cell in cells} <= {verdict}
    said = capsys.readouterr().out
    assert all(f"Python {p} is not on this machine, so nothing is said" in said for p, _d in pairs)


@pytest.mark.parametrize("arguments", [["--python", "3.9"], ["--django", "4.2"], ["--format=xml"]])
def test_what_is_not_known_is_refused(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        matrix.main(arguments)
    assert end.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_where_nothing_can_be_installed_nothing_has_passed(tmp_path):
    command = [sys.executable, "scripts/package_matrix.py", "--python", HERE, "--django", "5.2"]
    done = subprocess.run(
        [*command, "--format", "json"],
        cwd=ROOT,
        env=os.environ | {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path), "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    document = json.loads(done.stdout)
    [cell] = document["cells"]
    assert (done.returncode, document["status"]) == (2, 2), done.stderr
    assert (cell["verdict"], cell["outcome"]) == ("not tested", "not installed")
    assert "uv could not install it:" in done.stderr
    assert f"{HERE:<7} 5.2     not tested" in done.stderr
