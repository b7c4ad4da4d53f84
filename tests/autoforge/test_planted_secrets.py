"""Secrets in every variable, header, cookie, form and address; every error; nobody may read one.

One process for each kind of installation does all of it (`tests/support/planted_secrets.py`).
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from autoforge.environment import VARIABLES
from autoforge.logging.secrets import list_spellings
from tests.support import ports

ROOT = Path(__file__).resolve().parents[2]
PLANTED = "PLANTEDq7Zk"
BEGINNINGS = {
    "clerk_secret": "sk_live_",
    "langfuse_secret": "sk-lf-",
    "otlp_headers": "api-key=",
    "sentry_dsn": "http://",
}
ENDINGS = {"sentry_dsn": "@127.0.0.1:9/1"}  # nobody answers there
SPECIAL = {"REDIS_PASSWORD": 'pa/ss%w@rd"q+'}  # every spelling of it differs


def plant(app_env: str, folder: Path) -> dict[str, str]:
    """Return an environment in which every secret variable of the table is a planted one."""
    environment = {
        variable.name: (
            f"{BEGINNINGS.get(variable.kind, '')}{PLANTED}-{variable.name}-"
            f"{SPECIAL.get(variable.name, '')}{'0123456789' * 5}"
            f"{ENDINGS.get(variable.kind, '')}"
        )
        for variable in VARIABLES
        if variable.secret
    }
    assert len(environment) >= 8
    port = ports.free_port()
    return environment | {
        "APP_ENV": app_env,
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "ALLOWED_HOSTS": "shop.example.com",
        "CSRF_TRUSTED_ORIGINS": "https://shop.example.com",
        "CLERK_PUBLIC_KEY": "pk_live_public",
        "LANGFUSE_PUBLIC_KEY": "pk-lf-public",
        "REDIS_HOST": "127.0.0.1",  # nobody answers there
        "REDIS_PORT": str(port),
        "PLANTED": PLANTED,
        "DJANGO_SETTINGS_MODULE": "autoforge.settings",
        "ENV_FILE": str(folder / "none.env"),
    }


@pytest.mark.parametrize("app_env", ["local", "production"])
def test_no_secret_is_shown_anywhere(app_env, tmp_path):
    environment = plant(app_env, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.planted_secrets"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert "=== all was shown" in done.stdout, done.stderr[-4000:]
    statuses = set(re.findall(r"^=== .*: (\d{3})$", done.stdout, re.MULTILINE))
    assert {"400", "403", "404", "413", "429", "500", "503"} <= statuses
    # The planted secrets are also looked for as URLs, HTML, JSON and Python write them.
    spellings = list_spellings(
        environment[v.name] for v in VARIABLES if v.name in environment and v.secret
    )
    for shown in (done.stdout, done.stderr):
        lines = [line for line in shown.splitlines() if PLANTED in line]
        assert not lines, f"{len(lines)} lines, such as {lines[0][:3000]}"
        assert not [text for text in spellings if text in shown]
    # It is shown that it failed, and where: nothing is simply left out.
    assert "RuntimeError" in done.stderr
    assert "planted_secrets.py" in done.stderr
    assert "Redis" in done.stderr
