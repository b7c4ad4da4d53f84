"""The wheel: what is in it, and that it works in an empty folder, away from the checkout.

It is built here by the pinned hatchling, without network, and installed with the wheel of our
libSQL backend and without its other dependencies, which this environment has.
"""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import django
import pytest

import autoforge

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

pytestmark = pytest.mark.once


def run(command, folder, **variables):
    """Run a command that must succeed; return what it printed."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=kept | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], ROOT)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Return a folder that the wheel is installed in, with `bin/autoforge`."""
    folder = tmp_path_factory.mktemp("site")
    uv = [sys.executable, "-m", "uv", "build", "--offline", "--wheel", "--out-dir", folder]
    run([*uv, ROOT / "packages" / "django-hrana"], folder)
    [backend] = folder.glob("*.whl")
    options = ["--no-index", "--no-deps", "--no-compile", "--quiet", "--target", folder]
    run([sys.executable, "-m", "pip", "install", *options, wheel, backend], folder)
    return folder


def list_tracked(*folders):
    listed = run(["git", "ls-files", "--", *folders], ROOT).splitlines()
    return {name for name in listed if (ROOT / name).is_file()}


def test_the_wheel_holds_every_file_of_the_product_and_nothing_else(wheel):
    resources = list_tracked("locale", "locale_theme", "static", "templates")
    expected = list_tracked("autoforge", "core", "evaluations", "prompts")
    expected |= {f"autoforge/resources/{name}" for name in resources}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    # A file that is new and not yet known to git may be there besides.
    new = {name for name in names - expected if not name.endswith(".py")}
    assert (expected - names, new) == (set(), set())


def test_the_metadata_are_complete(installed):
    [about] = metadata.distributions(name="autoforge", path=[str(installed)])
    assert about.version == autoforge.__version__
    assert about.metadata["License-Expression"] == "MIT"
    assert "version" not in PYPROJECT["project"]
    files = [ROOT / "requirements.in", ROOT / "requirements-local.in"]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    asked = re.findall(r"^([a-z0-9-]+)", text, re.MULTILINE)
    needed = [re.match(r"[a-z0-9-]+", line)[0] for line in about.requires]
    assert sorted(needed) == sorted(asked)


def test_what_builds_is_what_development_pins():
    text = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    for pin in PYPROJECT["build-system"]["requires"]:
        assert f"\n{pin} \\\n" in text


def test_the_version_of_our_own_package_is_the_one_that_is_asked_for():
    folder = ROOT / "packages" / "django-hrana"
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "requirements-local.in").read_text(encoding="utf-8")
    assert re.findall(r"^[^#\s]+", text, re.MULTILINE) == [
        f"{project['name']}=={project['version']}"
    ]


SCRIPT = """
import django_hrana

print(django_hrana.__file__)
from django.contrib.staticfiles.finders import find
from django.core.management import call_command
from django.template.loader import get_template
from django.test import Client
from django.utils.translation import gettext, override

call_command("check", databases=["default"], fail_level="WARNING")
print(Client().get("/admin/login/", HTTP_HOST="localhost").status_code)
print(find("autoforge/admin.css"))
print(get_template("413.html").origin)
with override("ja"):
    print(gettext("Prompts"))
"""


def test_an_installed_copy_works_in_an_empty_folder(installed, tmp_path):
    command = [installed / "bin" / "autoforge"]
    variables = {"PYTHONPATH": str(installed), "PYTHONWARNINGS": "error"}
    # One app's migrations: that all of them run is tests/test_migrations.py's.
    migrate = ["migrate", "contenttypes", "--verbosity=0"]
    assert run([*command, *migrate], tmp_path, **variables) == ""
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert run([*command, "--version"], tmp_path, **variables) == (
        f"AutoForge {autoforge.__version__} on Django {django.get_version()}\n"
    )
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    shell = ["shell", "--verbosity=0", "--command", SCRIPT]
    shown = run([*command, *shell], tmp_path, **variables).splitlines()
    resources = installed / "autoforge" / "resources"
    assert shown == [
        str(installed / "django_hrana" / "__init__.py"),
        "System check identified no issues (0 silenced).",
        "200",
        str(resources / "static" / "autoforge" / "admin.css"),
        str(resources / "templates" / "413.html"),
        "プロンプト",
    ]


def test_a_folder_that_is_named_is_not_made(monkeypatch, settings, tmp_path):
    from autoforge import command_line

    settings.BASE_DIR = tmp_path
    for name, made in [("daat/a.db", []), ("data/a.db", ["data"])]:
        monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(tmp_path / name))
        command_line._make_data_folder()
        assert [path.name for path in tmp_path.iterdir()] == made
