"""A new Django project, away from this folder, made by the package's README alone.

The wheel is built by uv, without network, and installed without its dependencies, which this
environment has. The README's settings get the addresses of a server of ours; its commands are run
as they stand.
"""

import re
import shutil
import subprocess
import sys
import textwrap
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import django_hrana
from hrana_support.sqld import Server

PACKAGE = Path(__file__).resolve().parents[1]
README = (PACKAGE / "README.md").read_text(encoding="utf-8")
HTTP, ADMIN = "http://127.0.0.1:8080", "http://127.0.0.1:9090"  # as the README has them


MODELS = """
from django.db import models


class Note(models.Model):
    text = models.CharField(max_length=100, unique=True)
    at = models.DateTimeField(auto_now_add=True)
"""

TESTS = """
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import TestCase, TransactionTestCase

from notes.models import Note


class NoteTests(TestCase):
    def test_a_savepoint(self):
        Note.objects.create(text="a")
        with self.assertRaises(IntegrityError), transaction.atomic():
            Note.objects.create(text="a")
        self.assertEqual(Note.objects.count(), 1)

    def test_nothing_is_left_of_the_others(self):
        self.assertEqual(Note.objects.count(), 0)


class AdminTests(TestCase):
    def test_the_admin(self):
        User.objects.create_superuser("root", password="long-enough-1")
        self.assertTrue(self.client.login(username="root", password="long-enough-1"))
        response = self.client.post("/admin/auth/group/add/", {"name": "日本語"}, follow=True)
        self.assertContains(response, "日本語")


class CommitTests(TransactionTestCase):
    def test_a_rollback(self):
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            Note.objects.create(text="gone")
            1 / 0
        self.assertEqual(Note.objects.count(), 0)
"""


def blocks(language: str) -> list[str]:
    """Return the README's examples in a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "uv", "build", "--offline", "--wheel"]
    command += ["--out-dir", str(folder), str(PACKAGE)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory):
    """Return the folder that the wheel is installed in."""
    folder = tmp_path_factory.mktemp("site")
    options = ["--no-index", "--no-deps", "--no-compile", "--quiet", "--target", str(folder)]
    command = [sys.executable, "-m", "pip", "install", *options, str(wheel)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    return folder


class Project:
    """What `django-admin startproject` makes, with an app, and the package installed."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder = folder / "mysite"
        self._variables = {
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            # `python` is this one, and no command of Turso's is found.
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "PYTHONPATH": str(site),
            "PYTHONWARNINGS": "error",
        }
        (folder / "bin").mkdir()
        python = folder / "bin" / "python"  # a link would lose its environment
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        self.folder.mkdir()
        self.run(f"{sys.executable} -m django startproject mysite .")
        self.run(f"{sys.executable} manage.py startapp notes")
        (self.folder / "notes" / "models.py").write_text(MODELS, encoding="utf-8")
        (self.folder / "notes" / "tests.py").write_text(TESTS, encoding="utf-8")

    def configure(self, block: str) -> None:
        """Write a block of the README into the settings, in the place of Django's own."""
        file = self.folder / "mysite" / "settings.py"
        text = (
            file.read_text(encoding="utf-8")
            .replace('"django.contrib.admin",', '"django.contrib.admin",\n    "notes",', 1)
            .replace("'django.contrib.admin',", "'django.contrib.admin',\n    'notes',", 1)
        )
        before, _, after = text.partition("DATABASES = {")
        rest = after.partition("\n}\n")[2]
        file.write_text(f"import os\n{before}{block}{rest}", encoding="utf-8")

    def run(self, command: str, stdin: str = "", **variables: str) -> str:
        """Run a line in a shell; return all that it says."""
        done = subprocess.run(
            ["/bin/sh", "-euc", command],
            cwd=self.folder,
            env=self._variables | variables,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout


@pytest.fixture
def project(tmp_path, site):
    return Project(tmp_path, site)


def test_the_wheel_holds_the_package_and_nothing_else(wheel, site):
    source = PACKAGE / "src"
    listed = {str(file.relative_to(source)) for file in source.rglob("*") if file.is_file()}
    listed = {name for name in listed if "__pycache__" not in name}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    names = {name for name in names if ".dist-info/" not in name}
    assert names == listed
    assert all(name.startswith("django_hrana/") for name in names)
    assert "django_hrana/py.typed" in names
    [about] = metadata.distributions(path=[str(site)])
    assert (about.name, about.version) == ("django-hrana", django_hrana.__version__)
    assert about.metadata["License-Expression"] == "MIT"
    needed = [
        re.match(r"[A-Za-z-]+", line)[0].lower()
        for line in about.requires
        if "extra ==" not in line  # what the tests need
    ]
    assert needed == ["django", "msgspec"]


@pytest.mark.timeout(300)
def test_a_new_project_by_the_readme_alone(project, tmp_path):
    [settings] = [block for block in blocks("python") if "ADMIN_URL" in block]
    [commands] = re.findall(r"<!-- followed by a test.*?-->\n```sh\n(.*?)```", README, re.DOTALL)
    assert HTTP in settings
    assert ADMIN in settings
    with Server(tmp_path / "sqld", namespaces=True, idle_seconds=600) as server:
        server.create("default")
        text = settings.replace(HTTP, server.url).replace(ADMIN, server.admin_url)
        project.configure(text)
        project.run("python manage.py makemigrations notes")
        said = {}
        for line in commands.splitlines():
            # A pool of processes starts only where there is more than one class for each.
            said[line] = project.run(line, stdin="SELECT 40 + 2;\n", DJANGO_TEST_PROCESSES="2")
        assert "no issues" in said["python manage.py check --database default"]
        assert "Applying notes.0001_initial... OK" in said["python manage.py migrate"]
        assert "Found 4 test(s)." in said["python manage.py test --parallel"]
        assert re.search(r"^OK$", said["python manage.py test --parallel"], re.MULTILINE)
        assert "42" in said["python manage.py dbshell"]
        where = "python -c 'import django_hrana; print(django_hrana.__file__)'"
        assert str(tmp_path) not in project.run(where)  # the wheel's, as installed
        assert str(PACKAGE) not in project.run(where)
        assert "42" in project.run(
            "python manage.py dbshell", "SELECT 42 WHERE NOT EXISTS (SELECT * FROM notes_note);\n"
        )


def test_turso_in_five_lines(project, tmp_path):
    [settings] = [block for block in blocks("python") if "DATABASE_URL" in block and "os." in block]
    with Server(tmp_path / "sqld", idle_seconds=600) as server:
        project.configure(settings)
        url = f"{server.url}?authToken=secret-token"
        assert "Applying auth.0001_initial... OK" in project.run(
            "python manage.py migrate", DATABASE_URL=url
        )
        shown = project.run("python manage.py check --database default", DATABASE_URL=url)
        assert "secret-token" not in shown


def test_the_driver_alone_needs_no_django(site, tmp_path):
    [example] = [block for block in blocks("python") if "connect(" in block]
    # Only what the driver needs besides the standard library, and no Django.
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copytree(site / "django_hrana", alone / "django_hrana")
    msgspec = Path(metadata.distribution("msgspec").locate_file("msgspec"))
    shutil.copytree(msgspec, alone / "msgspec")
    with Server(tmp_path / "sqld", idle_seconds=600) as server:
        code = f"import sys\nsys.path[0:0] = [{str(alone)!r}]\n{example.replace(HTTP, server.url)}"
        code += textwrap.dedent("""
            assert "django" not in sys.modules
            try:
                import django
            except ImportError:
                print("without Django")
        """)
        done = subprocess.run(
            [sys.executable, "-ISc", code], capture_output=True, text=True, check=False, timeout=60
        )
    assert done.stdout == "[(2,)]\nwithout Django\n", done.stderr
