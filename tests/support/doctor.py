"""The doctor as people call it: a process of its own, in an environment that a test writes."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DRIVER = ROOT / "packages" / "django-hrana" / "src"


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What a doctor said."""

    status: int
    """Of its process."""
    findings: list[dict[str, str]]
    """All of them, in order."""
    errors: str
    """What it wrote on standard error."""

    def of(self, check: str) -> list[tuple[str, str, str]]:
        """Return state, text and remedy of what a check found."""
        rows = [row for row in self.findings if row["check"] == check]
        return [(row["state"], row["text"], row["remedy"]) for row in rows]

    @property
    def first_problem(self) -> tuple[str, str, str]:
        """The check, the text and the remedy of the first thing that is wrong."""
        for row in self.findings:
            if row["state"] == "problem":
                return row["check"], row["text"], row["remedy"]
        raise AssertionError(f"nothing is wrong: {self.findings}")


def manage(
    *arguments: str,
    env: Mapping[str, str],
    python: Sequence[str] = (sys.executable,),
    seconds: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` with nothing of this process's environment but what it needs to start."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "ENV_FILE": str(ROOT / "tests" / "test.env"),
        **env,
    }
    return subprocess.run(
        [*python, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def visit(
    *arguments: str, env: Mapping[str, str], python: Sequence[str] = (sys.executable,)
) -> Visit:
    """Let the doctor come."""
    done = manage("doctor", "--format", "json", *arguments, env=env, python=python)
    assert done.returncode in (0, 1), done.stderr
    findings = json.loads(done.stdout)["findings"]
    return Visit(status=done.returncode, findings=findings, errors=done.stderr)


def staging(**more: str) -> dict[str, str]:
    """Return the environment of a deployment that is well, but for what is given."""
    return {
        "APP_ENV": "staging",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": "staging.example",
        **more,
    }


def make_packages(folder: Path, *, without: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return a Python that has our packages without some: how it is called, and its environment.

    It is a throw-away environment: links to what is installed here, but for what is named.

    Args:
        folder: an empty one.
        without: names in site-packages, such as `axes` and `django_axes-*`.
    """
    import django

    installed = Path(django.__file__).resolve().parents[1]
    left_out = {path for pattern in without for path in installed.glob(pattern)}
    assert left_out, f"nothing is called {without}"
    for path in installed.iterdir():
        if path not in left_out and path.suffix != ".pth":
            (folder / path.name).symlink_to(path)
    # -S: without site-packages of its own.
    return [sys.executable, "-S"], {"PYTHONPATH": f"{folder}:{DRIVER}"}
