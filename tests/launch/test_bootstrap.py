"""scripts/bootstrap.py: a virtual environment that is made, kept, mended, or refused."""

import base64
import hashlib
import re
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.launch.conftest import run_python, without_root_rights
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


def write_wheel(folder: Path) -> str:
    """Write the wheel `tiny` 1.0 into `folder`; return its line for a requirements file."""
    folder.mkdir()
    files = {
        "tiny.py": b"WORD = 'here'\n",
        "tiny-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": (
            b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = ""
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(content)}\n"
    wheel = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("tiny-1.0.dist-info/RECORD", f"{record}tiny-1.0.dist-info/RECORD,,\n")
    return f"tiny==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def write_uv_wheel(folder: Path) -> str:
    """Pack the uv of these tests as a wheel again; return its line for a requirements file."""
    uv = distribution("uv")
    tag = re.search("Tag: (.+)", uv.read_text("WHEEL"))[1]
    wheel = folder / f"uv-{uv.version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in uv.files:
            if path.parts[0].startswith("uv") and path.suffix != ".pyc":
                archive.write(path.locate(), str(path))
            elif path.parent.name == "bin":
                archive.write(path.locate(), f"uv-{uv.version}.data/scripts/{path.name}")
    return f"uv=={uv.version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@pytest.fixture
def tiny(project, clean_environ, tmp_path):
    """Return the project with a requirements file of one package, which is on this disk."""
    line = write_wheel(tmp_path / "wheels")
    (project / "tiny.txt").write_text(line)
    (project / "requirements-uv.txt").write_text(write_uv_wheel(tmp_path / "wheels"))
    links = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels")}
    return project, clean_environ | links


def bootstrap(project: Path, environ: dict[str, str], requirements: str = "tiny.txt"):
    return run_python(project, environ, "scripts/bootstrap.py", requirements)


def can_import(project: Path, name: str = "tiny") -> bool:
    command = [str(project / ".venv" / "bin" / "python"), "-Ic", f"import {name}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_it_installs_once_repairs_what_was_interrupted_and_follows_a_move(tiny):
    project, environ = tiny
    first = bootstrap(project, environ)
    assert (first.returncode, first.stderr) == (0, "")
    assert "Created .venv with Python" in first.stdout
    assert "Installed tiny.txt: 1 pinned packages" in first.stdout
    assert can_import(project)

    again = bootstrap(project, environ)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    (project / ".venv" / ".installed-tiny.txt").unlink()  # as after an install that was stopped
    repaired = bootstrap(project, environ)
    assert "Created" not in repaired.stdout
    assert "Installed tiny.txt" in repaired.stdout

    moved = project.rename(project.with_name("moved"))
    followed = bootstrap(moved, environ)
    assert ".venv no longer works here" in followed.stdout
    assert can_import(moved)
    first_line = (moved / ".venv" / "bin" / "pip").read_text().partition("\n")[0]
    assert "moved" in first_line or first_line == "#!/bin/sh"


def test_the_libsql_backend_comes_with_what_autoforge_runs_on(tiny):
    project, environ = tiny
    (project / "tiny.txt").rename(project / "requirements.txt")
    environ = environ | {"UV_OFFLINE": "1"}  # what builds it is uv's own
    first = bootstrap(project, environ, "requirements.txt")
    assert (first.returncode, first.stderr) == (0, "")
    assert "Installed django-hrana from packages/django-hrana" in first.stdout
    assert can_import(project, "django_hrana")

    again = bootstrap(project, environ, "requirements.txt")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    metadata = project / "packages" / "django-hrana" / "pyproject.toml"
    metadata.write_text(metadata.read_text().replace('version = "0.1.0"', 'version = "0.1.1"'))
    newer = bootstrap(project, environ, "requirements.txt")
    assert newer.stdout.strip().endswith("Installed django-hrana from packages/django-hrana")

    metadata.unlink()
    broken = bootstrap(project, environ, "requirements.txt")
    assert broken.returncode == 1
    assert broken.stderr == (
        f"{metadata} cannot be read (No such file or directory). Restore it, for example with: "
        "git checkout -- packages/django-hrana/pyproject.toml\n"
    )


def test_a_package_that_was_tampered_with_is_refused(tiny):
    project, environ = tiny
    (project / "tiny.txt").write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    refused = bootstrap(project, environ)
    log = project / ".venv" / "pip.log"
    assert refused.returncode == 1
    assert refused.stderr == (
        "A downloaded package does not match its hash in tiny.txt, so nothing was installed. Try "
        f"again from another network or mirror; the package is named in {log}.\n"
    )
    assert not can_import(project)


def test_no_network_is_one_sentence(project, clean_environ):
    port = free_port()
    index = {"PIP_INDEX_URL": f"http://127.0.0.1:{port}/simple", "PIP_RETRIES": "0"}
    refused = bootstrap(project, clean_environ | index, "requirements.txt")
    assert refused.returncode == 1
    assert refused.stderr == (
        "The packages of requirements.txt could not be downloaded because 127.0.0.1 (port "
        f"{port}) is unreachable. Check the network or the proxy, then run the command again.\n"
    )
    assert not (project / ".venv" / ".installed-requirements.txt").exists()


def test_no_permission_is_one_sentence(project, clean_environ):
    project.chmod(0o555)
    try:
        refused = subprocess.run(
            without_root_rights([sys.executable, "scripts/bootstrap.py", "requirements.txt"]),
            cwd=project,
            env=clean_environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        project.chmod(0o755)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"No permission to write to {project}. Use a copy of the project that you own, or change "
        "the owner of the folder.\n"
    )


def test_a_folder_that_is_no_virtual_environment_is_left_alone(project, clean_environ):
    (project / ".venv").mkdir()
    (project / ".venv" / "thesis.txt").write_text("years of work")
    refused = bootstrap(project, clean_environ)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"{project / '.venv'} exists but is not a virtual environment that can be replaced. Move "
        "it away, then run the command again.\n"
    )
    assert (project / ".venv" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        (
            (
                "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on "
                "device\n"
            ),
            (
                "pip could not install some.txt (Could not install packages due to an OSError: "
                "[Errno 28] No space left on device); the full log is in some.log."
            ),
        ),
        (
            "",
            (
                "pip could not install some.txt (pip stopped without a reason); the full log is "
                "in some.log."
            ),
        ),
        (
            "NewConnectionError without a host",
            (
                "The packages of some.txt could not be downloaded because the package index is "
                "unreachable. Check the network or the proxy, then run the command again."
            ),
        ),
    ],
)
def test_why_pip_failed_is_one_sentence(log, sentence, tmp_path, monkeypatch):
    from launch.pip import describe_failure

    monkeypatch.chdir(tmp_path)
    Path("some.log").write_text(log)
    assert describe_failure("pip", "some.txt", Path("some.log")) == sentence


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        (
            (
                "error: Request failed after 2 retries in 4.9s\n"
                "  cause: Failed to fetch: https://mirror.example:8443/simple/rich/\n"
                "  cause: error sending request for url "
                "(https://mirror.example:8443/simple/rich/)\n"
                "  cause: client error (Connect)\n"
            ),
            (
                "The packages of some.txt could not be downloaded because mirror.example (port "
                "8443) is unreachable. Check the network or the proxy, then run the command "
                "again."
            ),
        ),
        (
            (
                "error: Failed to fetch: http://index.example/simple/rich/\n"
                "  cause: error sending request for url (http://index.example/simple/rich/)\n"
                "  cause: dns error\n"
            ),
            (
                "The packages of some.txt could not be downloaded because index.example (port "
                "80) is unreachable. Check the network or the proxy, then run the command again."
            ),
        ),
        (
            "error: operation timed out\n",
            (
                "The packages of some.txt could not be downloaded because the package index is "
                "unreachable. Check the network or the proxy, then run the command again."
            ),
        ),
        (
            "error: Failed to download `tiny==1.0`\n  cause: Hash mismatch for `tiny==1.0`\n",
            (
                "A downloaded package does not match its hash in some.txt, so nothing was "
                "installed. Try again from another network or mirror; the package is named in "
                "some.log."
            ),
        ),
        (
            (
                "Resolved 1 package in 2ms\nerror: Failed to install: tiny-1.0\n"
                "  cause: No space left on device (os error 28)\n"
            ),
            (
                "uv could not install some.txt (Failed to install: tiny-1.0: No space left on "
                "device (os error 28)); the full log is in some.log."
            ),
        ),
        (
            "",
            (
                "uv could not install some.txt (uv stopped without a reason); the full log is in "
                "some.log."
            ),
        ),
    ],
)
def test_why_uv_failed_is_one_sentence(log, sentence, tmp_path, monkeypatch):
    from launch.pip import describe_failure

    monkeypatch.chdir(tmp_path)
    Path("some.log").write_text(log)
    assert describe_failure("uv", "some.txt", Path("some.log")) == sentence


# What pip is configured with → what uv is told.
TOLD = [
    (
        {"index-url": "https://mirror.example/simple"},
        "--default-index https://mirror.example/simple",
    ),
    (
        {"extra-index-url": "https://one.example/\nhttps://two.example/"},
        "--index https://one.example/ --index https://two.example/",
    ),
    ({"find-links": "https://links.example/"}, "--find-links https://links.example/"),
    ({"find-links": "/no/such/folder"}, ""),
    ({"no-index": "1"}, "--no-index"),
    ({"no-index": "false"}, ""),
    ({"trusted-host": "mirror.example"}, "--allow-insecure-host mirror.example"),
    ({"no-binary": "redis"}, "--no-binary redis"),
    ({"keyring-provider": "import"}, "--keyring-provider subprocess"),
    ({"keyring-provider": "disabled"}, ""),
    ({"constraint": "/etc/constraints.txt", "user": "true", "quiet": "1"}, ""),
]


@pytest.mark.parametrize(("settings", "told"), TOLD)
def test_uv_is_told_what_pip_is_configured_with(settings, told):
    from launch.uv import build_arguments

    usual = build_arguments({})
    assert usual[:2] == ["--index-strategy", "unsafe-best-match"]
    assert " ".join(one for one in build_arguments(settings)[2:] if one not in usual) == told


@pytest.mark.parametrize(
    ("settings", "variables"),
    [
        ({}, {"UV_HTTP_RETRIES": "2"}),
        ({"retries": "0"}, {"UV_HTTP_RETRIES": "0"}),
        ({"cert": "/ca.pem"}, {"SSL_CERT_FILE": "/ca.pem", "UV_HTTP_RETRIES": "2"}),
        (
            {"proxy": "http://proxy.example:3128", "timeout": "60"},
            {
                "HTTPS_PROXY": "http://proxy.example:3128",
                "HTTP_PROXY": "http://proxy.example:3128",
                "UV_HTTP_TIMEOUT": "60",
                "UV_HTTP_RETRIES": "2",
            },
        ),
    ],
)
def test_what_uv_has_no_option_for_is_a_variable(settings, variables):
    from launch.uv import build_environment

    assert build_environment(settings, {"HOME": "/home/a"}) == {"HOME": "/home/a", **variables}


def test_pip_s_settings_are_read_as_pip_reads_them(tmp_path, monkeypatch):
    from launch.pip import read_settings

    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://global.example/\ntimeout = 5\nretries = 1\n"
        "[install]\ntimeout = 6\nno-binary = it's\n[download]\nindex-url = https://no.example/\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_RETRIES", "7")
    settings = read_settings(Path(sys.executable))
    asked = {name: settings.get(name) for name in ("index-url", "timeout", "retries", "no-binary")}
    assert asked == {
        "index-url": "https://global.example/",
        "timeout": "6",
        "retries": "7",
        "no-binary": "it's",
    }


def test_the_development_file_pins_what_the_runtime_pins():
    def pins(name: str) -> set[str]:
        lines = (ROOT / name).read_text().splitlines()
        pinned = (line.split()[0] for line in lines if "==" in line and line[0].isalnum())
        return {re.sub(r"\[.*\]", "", pin) for pin in pinned}  # extras aside

    assert pins("requirements.txt") <= pins("requirements-dev.txt")
