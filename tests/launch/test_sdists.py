"""scripts/launch/sdists.py: source distributions by the hashes of a requirements file."""

import tarfile

import pytest
from launch import sdists
from launch.errors import LaunchError


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "WARNING: NewConnectionError('...')\nERROR: No matching distribution found for django",
            "the package index is unreachable; check the network or the proxy",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "the download does not match the hash in the requirements file",
        ),
        ("ERROR: No space left on device.", "No space left on device"),
        ("", "pip stopped without a reason"),
    ],
)
def test_why_a_source_cannot_be_had_is_one_sentence(output, reason):
    assert sdists._reason(output) == reason


@pytest.mark.parametrize("name", ["wagtail", "django-allauth"])
def test_a_pin_comes_with_all_its_hashes(name):
    version, requirement = sdists.find_pin(name, "requirements-third-party.txt")
    first, *hashes = requirement.splitlines()
    assert first.startswith(name)
    assert f"=={version} " in first
    assert len(hashes) >= 2
    assert all(line.lstrip().startswith("--hash=sha256:") for line in hashes)


def test_what_is_not_pinned_has_none():
    assert sdists.find_pin("wagtai", "requirements-third-party.txt") is None


def test_a_source_is_unpacked_whole(tmp_path):
    names = {"tests/runtests.py", "docs/conf.py", "django/__init__.py"}
    with tarfile.open(tmp_path / "django-9.tar.gz", "w:gz") as tar:
        for name in sorted(names):
            tar.addfile(tarfile.TarInfo(f"django-9/{name}"))

    folder = tmp_path / "django"
    sdists._unpack(tmp_path / "django-9.tar.gz", tmp_path / "scratch", folder)

    assert {str(path.relative_to(folder)) for path in folder.rglob("*.py")} == names


def test_a_source_that_cannot_be_had_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = tmp_path / "cache" / "wagtail-0"
    requirement = f"wagtail==0 \\\n    --hash=sha256:{'0' * 64}\n"
    with pytest.raises(LaunchError, match=r"^The source of wagtail 0, which contains its tests"):
        sdists.fetch_source("wagtail", requirement, folder)
    assert list((tmp_path / "cache").iterdir()) == []
