"""scripts/launch/pythons.py: which Python runs which Django, and what pins it."""

import sys

import django
import pytest
from conformance import other_django
from launch import pythons
from launch.errors import LaunchError


@pytest.mark.parametrize(
    ("version", "minor", "expected"),
    [
        ("3.11", "5.2", True),
        ("3.11", "6.1", False),
        ("3.12", "6.1", True),
        ("3.14", "6.1", True),
        ("3.14", "5.2", True),
    ],
)
def test_which_django_runs_on_which_python(version, minor, expected):
    assert pythons.supports(version, minor) is expected


def test_the_installed_django_is_pinned_by_one_file():
    minor = "{}.{}".format(*django.VERSION[:2])

    assert pythons.lock_of(django.get_version()) == pythons.LOCKS[minor]


@pytest.mark.parametrize("version", ["1.0", "5.2", "5.2.1", "5a2a19"])
def test_another_django_is_pinned_by_none(version):
    assert pythons.lock_of(version) is None


def test_a_python_that_is_here_is_found_and_another_is_not():
    here = "{}.{}".format(*sys.version_info[:2])

    assert pythons.find_python("3.99") is None
    assert pythons.find_python(here)


def test_the_newest_python_that_a_django_supports_is_taken(monkeypatch):
    monkeypatch.setattr(other_django, "find_python", {"3.11": "/a", "3.12": "/b", "3.13": "/c"}.get)

    assert other_django._newest_python("6.1") == ("3.13", "/c")


def test_no_python_for_a_django_is_one_sentence(monkeypatch):
    monkeypatch.setattr(other_django, "find_python", {"3.11": "/a"}.get)

    with pytest.raises(
        LaunchError, match=r"^Django 6\.1 needs Python 3\.12 or newer, which is not installed\.$"
    ):
        other_django._newest_python("6.1")
