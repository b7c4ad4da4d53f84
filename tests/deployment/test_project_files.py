"""What a public project carries: templates, hooks, the release. They say the same as the code."""

import re
from pathlib import Path
from types import SimpleNamespace

import docs_hooks
import pytest
import release_notes
import test_matrix as matrix
import yaml
from check import CHECKS
from launch.pythons import PYTHONS, supports

from autoforge import __version__

ROOT = Path(__file__).resolve().parents[2]


def read_workflow(name):
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text("utf-8"))


def test_ci_runs_every_supported_pair_of_python_and_django():
    jobs = read_workflow("ci")["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == list(PYTHONS)
    newer = [version for version in PYTHONS if supports(version, "6.1")]
    assert jobs["django-61"]["strategy"]["matrix"]["python"] == newer
    assert jobs["django-61"]["env"]["DJANGO"] == "6.1"
    assert jobs["django-hrana"]["strategy"]["matrix"]["python"] == list(PYTHONS)


def test_the_metadata_name_every_supported_python():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text) == list(PYTHONS)


def test_nothing_is_released_before_the_checks_and_everything_is_attested():
    workflow = read_workflow("release")
    assert workflow[True] == {"push": {"tags": ["v*"]}}
    jobs = workflow["jobs"]
    assert jobs["packages"]["needs"] == jobs["image"]["needs"] == "checks"
    assert jobs["publish"]["needs"] == ["packages", "image"]
    for name in ("packages", "image"):
        used = [step.get("uses", "").partition("@")[0] for step in jobs[name]["steps"]]
        expected = {"anchore/sbom-action", "actions/attest-build-provenance", "actions/attest"}
        assert expected <= set(used)


def test_jobs_say_why_they_may_write():
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if re.match(r" +[\w-]+: write", line):
                assert " # " in line, f"{path.name}: {line.strip()}"


def test_hooks_are_local_and_run_what_the_check_runs():
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        if hook["id"] == "check":
            continue
        command = CHECKS[hook["name"]]
        assert Path(hook["entry"].split()[0]).name == command[0]
        assert set(command[1:]) - {"templates", ".", "Dockerfile", "--no-cache"} <= set(
            hook["entry"].split()
        )


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda p: p.name)
def test_files_of_github_can_be_read(path):
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


# --- The release ----------------------------------------------------------------------------------


def write_sources(folder, version, changelog):
    (folder / "autoforge").mkdir()
    (folder / "autoforge" / "__init__.py").write_text(f'__version__ = "{version}"\n')
    (folder / "CHANGELOG.md").write_text(changelog)


CHANGELOG = """# Changelog

## Unreleased

- C

## 1.2.3 - 2026-11-30

### Added

- B

## 1.2

- A
"""


def test_the_notes_of_a_release_are_the_changelogs(tmp_path):
    write_sources(tmp_path, "1.2.3", CHANGELOG)
    assert release_notes.find_notes("v1.2.3", tmp_path) == "### Added\n\n- B"


@pytest.mark.parametrize(
    ("tag", "version", "sentence"),
    [
        (
            "v1.2.4",
            "1.2.3",
            "The tag is v1.2.4, but the version in autoforge/__init__.py is 1.2.3. Tag v1.2.3",
        ),
        ("1.2.3", "1.2.3", "The tag is 1.2.3, but"),
        ("v1.3.0", "1.3.0", "CHANGELOG.md has no section `## 1.3.0`. Rename `## Unreleased`"),
    ],
)
def test_a_tag_that_is_no_release_is_refused(tmp_path, tag, version, sentence):
    write_sources(tmp_path, version, CHANGELOG)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        release_notes.find_notes(tag, tmp_path)


def test_the_version_is_found_where_it_is():
    assert release_notes.read_version(ROOT) == __version__
    assert release_notes.main(["v0"]) == 1
    assert release_notes.main([]) == 2


# --- The matrix -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pythons", "djangos", "expected"),
    [
        ("", "", [(p, d, None) for p in PYTHONS for d in ("5.2", "6.1") if supports(p, d)]),
        ("3.12 3.14", "6.1", [("3.12", "6.1", False), ("3.14", "6.1", False)]),
        ("3.11", "6.1", []),
    ],
)
def test_the_matrix_tests_what_is_named(monkeypatch, pythons, djangos, expected):
    monkeypatch.setenv("PYTHONS", pythons)
    monkeypatch.setenv("DJANGO", djangos)
    monkeypatch.setattr(matrix, "find_python", lambda _version: None)
    cells = [(cell.python, cell.django, cell.passed) for cell in matrix._cells()]
    assert cells == expected


def test_an_unknown_name_is_refused(monkeypatch):
    monkeypatch.setenv("PYTHONS", "3.9")
    with pytest.raises(SystemExit, match=r"^PYTHONS contains 3\.9; choose from 3\.11 3\.12"):
        list(matrix._cells())


# --- The documentation site -----------------------------------------------------------------------


def list_pages(nav):
    """Yield the pages of mkdocs' nav, which are strings, or values of dicts."""
    for entry in nav:
        for page in entry.values() if isinstance(entry, dict) else [entry]:
            yield from [page] if isinstance(page, str) else list_pages(page)


def test_the_site_leads_to_every_page():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").replace("!ENV ", "")
    pages = set(list_pages(yaml.safe_load(text)["nav"]))
    folder = ROOT / "docs"
    files = {str(path.relative_to(folder)) for path in folder.rglob("*.md")}
    decisions = {name for name in files if name.startswith("decisions/0")}  # their README links
    assert pages == {name for name in files - decisions if not name.endswith(".ja.md")}
    for name in files:
        assert name.replace(".ja.md", ".md") in files


@pytest.mark.parametrize(
    ("source", "site", "text", "expected"),
    [
        ("a.md", "a/index.html", "# A\n\n[日本語](a.ja.md)\n\nB\n", "# A\n\n\nB\n"),
        ("a.ja.md", "ja/a/index.html", "# A\n\n[English](a.md)\n", "# A\n\n"),
        (
            "a.md",
            "ja/a/index.html",
            "# A\n\nB\n",
            f'# A\n\n!!! note ""\n    {docs_hooks.NOTE}\n\nB\n',
        ),
        ("a.md", "a/index.html", "See [English](b.md)\n", "See [English](b.md)\n"),
    ],
)
def test_what_the_site_changes_in_a_page(source, site, text, expected):
    page = SimpleNamespace(file=SimpleNamespace(src_uri=source, dest_uri=site))
    assert docs_hooks.on_page_markdown(text, page=page, config=None, files=None) == expected
