"""Every example on the package's pages is run, on a real server; the others say why they are not.

Also: each link leads somewhere, and each page can be found from the first one.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hrana_support.pages import FOLDER, PACKAGE, PAGES, list_examples, read

SITE = Path(__file__).with_name("page_site.py")
NAMES = [page.stem for page in PAGES]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ABSOLUTE = re.compile(r"https?:|mailto:")
# What a page says above a block that this machine cannot run.
NEEDS = re.compile(r"needs (Turso|Docker|a proxy|a supervisor|the older package)")
VARIABLES = {
    "PYTHONWARNINGS": "error",
    "TURSO_AUTH_TOKEN": "token",
    "TURSO_DATABASE_URL": "libsql://my-database.turso.io",
}


def test_every_block_is_run_or_says_why_not():
    for page in NAMES:
        for example in list_examples(page):
            is_run = example.language == "python" or "run by a test" in example.note
            assert is_run or NEEDS.search(example.note) or example.language == "text", example


def run_examples(codes, server, folder):
    """Run Python in the site, in a folder and on a server of its own."""
    environment = os.environ | VARIABLES | {"DATABASE_URL": server.url}
    environment |= {"PYTHONPATH": str(PACKAGE / "src")}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        [sys.executable, str(SITE)],
        input=json.dumps(codes),
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(len(codes))


@pytest.mark.parametrize("page", NAMES)
def test_the_python_of_a_page(page, own_server, tmp_path):
    codes = [e.code for e in list_examples(page) if e.language == "python"]
    if not codes:
        return
    run_examples(codes, own_server, tmp_path)


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", [*PAGES, PACKAGE / "README.md"], ids=lambda path: path.stem)
def test_links(path):
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if ABSOLUTE.match(target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), target
        assert PACKAGE in file.parents, f"{target} is not in the package"
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), target


def test_each_page_is_linked_from_the_first():
    first = set(LINK.findall(read("README")))
    assert {path.name for path in PAGES} - {"README.md"} <= first
    assert "docs/README.md" in LINK.findall((FOLDER.parent / "README.md").read_text("utf-8"))


def test_a_moved_database_has_the_rows_of_the_file(own_server, tmp_path):
    [code] = [e.code for e in list_examples("migrating") if e.language == "python"]
    code += "\nassert list(Note.objects.values_list('text')) == [('of the file',)]"
    code += "\nassert Account.objects.create(name='new').pk == 3"
    run_examples([code], own_server, tmp_path)


def test_a_backup_opens_in_sqlite(own_server, tmp_path):
    for program in ("curl", "sqlite3"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    [code] = [e.code for e in list_examples("deployment") if e.note == "run by a test"]
    run_examples(["Note.objects.create(text='日本語')"], own_server, tmp_path)
    environment = os.environ | VARIABLES | {"DATABASE_URL": own_server.url}
    done = subprocess.run(
        ["/bin/sh", "-euc", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
    with closing(sqlite3.connect(tmp_path / "backup.db")) as backup:
        assert backup.execute("SELECT text FROM bank_note").fetchall() == [("日本語",)]
