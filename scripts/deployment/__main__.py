"""Bring a version to its host: `python scripts/deployment deploy|rollback|status`.

It sends files and the rendered settings by ssh and starts host.py there, which does the work and
goes on when the connection is lost; then this comes back and waits for the end.

From the environment: DEPLOY_HOST (user@host), DEPLOY_PATH, DEPLOY_KNOWN_HOSTS and DEPLOY_SSH_KEY;
for `deploy` also IMAGE, SITE_URL, APP_ENV, and where the host has to log in REGISTRY, REGISTRY_USER
and REGISTRY_TOKEN. Exit status: that of host.py; 2 also where a variable is missing, 7 where the
host cannot be reached.
"""

import argparse
import io
import json
import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from autoforge import __version__
from autoforge.environment import ConfigurationError, load

ROOT: Final = Path(__file__).resolve().parent.parent.parent
REQUIRED: Final = ("DEPLOY_HOST", "DEPLOY_PATH", "DEPLOY_KNOWN_HOSTS", "DEPLOY_SSH_KEY")
FOR_DEPLOY: Final = ("IMAGE", "SITE_URL", "APP_ENV")
USAGE, UNREACHABLE = 2, 7
LOST: Final = 255  # ssh's own exit status, where it is not the command's
TRIES: Final = 5
# Where files of the project go on the host.
SENT: Final = {
    "docker-compose.prod.yml": "docker-compose.prod.yml",
    "docker-compose.monitoring.yml": "docker-compose.monitoring.yml",
    "deploy/caddy": "caddy",
    "deploy/redis": "redis",
    "deploy/monitoring": "monitoring",
    "scripts/deployment/host.py": "host.py",
}


class DeployError(Exception):
    """It cannot be done; `str()` says why."""

    status = USAGE


class UnreachableError(DeployError):
    """The host does not answer, or does not let us in."""

    status = UNREACHABLE


def read_settings(environment: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return the variables with these names.

    Raises:
        DeployError: naming every one that is empty.
    """
    missing = [name for name in names if not environment.get(name, "").strip()]
    if missing:
        raise DeployError(
            f"not set: {', '.join(missing)}. Set them as secrets or variables of the repository "
            "(docs/deployment.md)"
        )
    return {name: environment[name].strip() for name in names}


def make_order(settings: Mapping[str, str], environment: Mapping[str, str], *, redis: bool) -> str:
    """Return order.json for host.py."""
    site = urlsplit(settings["SITE_URL"])
    if site.scheme != "https" or not site.hostname or site.path.strip("/"):
        raise DeployError(f"SITE_URL is {settings['SITE_URL']}; it must be https://name")
    order = {
        "image": settings["IMAGE"].lower(),
        "app_env": settings["APP_ENV"],
        "site": environment.get("SITE_ADDRESS", "").strip() or site.netloc,
        "version": __version__,
        "has_redis": redis,
        "registry": environment.get("REGISTRY", "").partition("/")[0],
        "registry_user": environment.get("REGISTRY_USER", ""),
    }
    return json.dumps(order)


def find_secrets(env_file: Path, app_env: str) -> dict[str, str]:
    """Return what other services of the host have to know: file → its text.

    The password of Redis, where the host is to run it, and the token of /metrics, if there is one.

    Raises:
        DeployError: the settings are wrong, or that Redis would have no password.
    """
    try:
        environment = load({"APP_ENV": app_env, "ENV_FILE": str(env_file)}, ROOT)
    except ConfigurationError as error:
        raise DeployError(str(error).rstrip(".")) from None
    secrets = {}
    if environment.metrics_token:
        secrets["metrics/token"] = environment.metrics_token
    parts = urlsplit(environment.redis_url or "")
    if parts.hostname == "redis":  # the name of the service: any other server is somebody else's
        if not parts.password:
            raise DeployError("REDIS_URL names the Redis of the host (redis) without a password")
        secrets["redis/password"] = unquote(parts.password)
    return secrets


def pack(env_file: Path, order: str, secrets: Mapping[str, str]) -> bytes:
    """Return a tar archive of all that the host needs; secrets in it have mode 600."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for source, target in SENT.items():
            path = ROOT / source
            files = sorted(path.rglob("*")) if path.is_dir() else [path]
            for file in files:
                if file.is_file():
                    name = target if file == path else f"{target}/{file.relative_to(path)}"
                    add(archive, name, file.read_bytes(), 0o644)
        add(archive, "config/.env", env_file.read_bytes(), 0o600)
        add(archive, "order.json", order.encode(), 0o644)
        for name, text in secrets.items():
            add(archive, name, text.encode(), 0o600)
    return buffer.getvalue()


def add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    """Add a file to an archive."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


# --- ssh ------------------------------------------------------------------------------------------


class Connection:
    """Commands on the host, by ssh; the key is in an agent and in no file."""

    def __init__(self, settings: Mapping[str, str], known_hosts: Path) -> None:
        """Prepare; nothing is asked yet."""
        self.host = settings["DEPLOY_HOST"]
        self.folder = settings["DEPLOY_PATH"].rstrip("/")
        self._options = [
            *("-o", f"UserKnownHostsFile={known_hosts}", "-o", "StrictHostKeyChecking=yes"),
            *("-o", "BatchMode=yes", "-o", "ConnectTimeout=20"),
            # A connection that is dead is noticed after a minute, not after hours.
            *("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4"),
        ]

    def run(self, command: str, feed: bytes = b"") -> int:
        """Run a command of the host's shell; return its exit status, 255 if it was not reached."""
        done = subprocess.run(  # noqa: S603 (ssh, with options of our own)
            ["ssh", *self._options, "--", self.host, command],  # noqa: S607
            input=feed,
            check=False,
        )
        return done.returncode

    def operate(self, command: str) -> int:
        """Run a command of host.py; return its exit status."""
        return self.run(self._host_py(self.folder, command))

    def bring(self, archive: bytes, name: str, password: str) -> int:
        """Send the files of a deployment and start it with the host.py that they hold.

        Where the connection is lost, come back and wait for the end.

        Raises:
            UnreachableError: the host does not answer.
        """
        folder = f"{self.folder}/{name}"
        place = shlex.quote(folder)
        unpack = f"umask 077 && mkdir -p {place} && tar -xf - -C {place}"
        if self.run(unpack, archive) != 0:
            raise UnreachableError(f"{self.host} could not be reached, or refused us")
        command = self._host_py(folder, "--folder", self.folder, "deploy", folder)
        status = self.run(command, password.encode())
        for _ in range(TRIES):
            if status != LOST:
                return status
            print("The connection was lost; the host goes on. Coming back to wait for its end.")
            time.sleep(float(os.environ.get("DEPLOY_RETRY_SECONDS", "10")))
            status = self.run(self._host_py(self.folder, "wait", name))
        raise UnreachableError(f"{self.host} was lost during the deployment, which goes on there")

    def _host_py(self, folder: str, *arguments: str) -> str:
        words = ["sudo", "-n", "python3", f"{folder}/host.py", *arguments]
        return shlex.join(words)


@contextmanager
def connect(settings: Mapping[str, str]) -> Iterator[Connection]:
    """Start an agent with the key, and end it.

    Raises:
        DeployError: the key is none.
    """
    said = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout  # noqa: S607
    variables = dict(part.split("=", 1) for part in said.split("; ") if "=" in part)
    variables = {name.strip().split()[-1]: value for name, value in variables.items()}
    os.environ.update({name: variables[name] for name in ("SSH_AUTH_SOCK", "SSH_AGENT_PID")})
    try:
        key = settings["DEPLOY_SSH_KEY"].replace("\r\n", "\n") + "\n"
        added = subprocess.run(["ssh-add", "-q", "-"], input=key, text=True, check=False)  # noqa: S607
        if added.returncode != 0:
            raise DeployError("DEPLOY_SSH_KEY is not a private key without a passphrase")
        with tempfile.TemporaryDirectory() as folder:
            known_hosts = Path(folder) / "known_hosts"
            known_hosts.write_text(settings["DEPLOY_KNOWN_HOSTS"] + "\n", encoding="utf-8")
            yield Connection(settings, known_hosts)
    finally:
        subprocess.run(["ssh-agent", "-k"], stdout=subprocess.DEVNULL, check=False)  # noqa: S607


# --- Commands -------------------------------------------------------------------------------------


def deploy(environment: Mapping[str, str], env_file: Path) -> int:
    """Send what the host needs, and let it deploy; return the exit status.

    Raises:
        DeployError: something is missing or wrong here; nothing was sent.
    """
    settings = read_settings(environment, [*REQUIRED, *FOR_DEPLOY])
    if not env_file.is_file():
        raise DeployError(f"{env_file} is missing: render it first")
    secrets = find_secrets(env_file, settings["APP_ENV"])
    order = make_order(settings, environment, redis="redis/password" in secrets)
    archive = pack(env_file, order, secrets)
    name = f"incoming-{time.time_ns():x}"
    with connect(settings) as connection:
        return connection.bring(archive, name, environment.get("REGISTRY_TOKEN", ""))


def main(arguments: Sequence[str]) -> int:
    """Run a command; return the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/deployment", description="Deploys AutoForge.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("deploy", help="bring a version up").add_argument(
        "--env-file", type=Path, default=ROOT / ".env", help="the rendered settings"
    )
    commands.add_parser("rollback", help="let the version before serve again")
    commands.add_parser("status", help="show what runs")
    options = parser.parse_args(arguments)
    try:
        if options.command == "deploy":
            return deploy(os.environ, options.env_file)
        settings = read_settings(os.environ, REQUIRED)
        with connect(settings) as connection:
            status = connection.operate(options.command)
        if status == LOST:
            raise UnreachableError(f"{settings['DEPLOY_HOST']} could not be reached")
        return status
    except DeployError as error:
        sys.stderr.write(f"{error}.\n")
        return error.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
