"""A fake host for deployments: a folder, and fakes of ssh, sudo and docker on PATH.

The fake ssh runs the command here; told to lose the connection, it lets the command go on alone.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

__all__ = ["FakeHost", "digest"]

ROOT = Path(__file__).resolve().parents[2]

SSH = """#!/bin/sh
# A fake ssh: the command runs here. What it was asked goes to ssh.log.
while [ "$1" != "--" ]; do
  case $1 in UserKnownHostsFile=*) cat "${1#*=}" >> "$FAKE_HOST/known_hosts" ;; esac
  shift
done
echo "$2 $3" >> "$FAKE_HOST/ssh.log"
if [ -e "$FAKE_HOST/away" ]; then echo "connect: no route" >&2; exit 255; fi
case $3 in
  *" deploy "*)
    if [ -e "$FAKE_HOST/lose" ]; then
      rm "$FAKE_HOST/lose"
      cat > "$FAKE_HOST/stdin"
      # The connection breaks: nobody reads what the command says any more.
      setsid sh -c "$3" < "$FAKE_HOST/stdin" 2>/dev/null | true &
      sleep 1
      exit 255
    fi ;;
esac
exec sh -c "$3"
"""

SUDO = """#!/bin/sh
# A fake sudo: whoever asks may.
[ "$1" = -n ] && shift
exec "$@"
"""


def digest(image: str) -> str:
    """Return an image by the digest that the fake registry has for it."""
    from tests.support.fake_docker import digest as find

    return str(find(image))


class FakeHost:
    """`folder` is what the deployment makes; `docker` what the fake Docker remembers."""

    def __init__(self, base: Path, settings: str) -> None:
        self.base = base
        self.folder = base / "srv" / "auto forge"
        self.docker = base / "docker"
        self.env_file = base / ".env"
        self.env_file.write_text(settings)
        programs = base / "bin"
        for path in (programs, self.docker):
            path.mkdir(parents=True)
        fake = ROOT / "tests" / "support" / "fake_docker.py"
        texts = {
            "ssh": SSH,
            "sudo": SUDO,
            "docker": f'#!/bin/sh\nexec "{sys.executable}" -S "{fake}" "$@"\n',
        }
        for name, text in texts.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
        self.environment = {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(base),
            "FAKE_DOCKER": str(self.docker),
            "FAKE_HOST": str(base),
            "DEPLOY_HOST": "deploy@host.example",
            "DEPLOY_PATH": str(self.folder),
            "DEPLOY_KNOWN_HOSTS": "host.example ssh-ed25519 AAAA",
            "DEPLOY_SSH_KEY": private,
            "DEPLOY_RETRY_SECONDS": "0.1",
            "DEPLOY_FREE_BYTES": "1",
            "APP_ENV": "staging",
            "SITE_URL": "https://staging.example",
            "REGISTRY": "registry.example/team",
            "REGISTRY_USER": "robot",
            "REGISTRY_TOKEN": "registry-token",
        }

    def start(self, *command: str, **variables: str) -> subprocess.Popen[str]:
        """Start scripts/deployment."""
        return subprocess.Popen(
            [sys.executable, str(ROOT / "scripts" / "deployment"), *command],
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def deploy(self, tag: str, **variables: str) -> tuple[int, str]:
        """Deploy registry.example/team/app:TAG; return status and output."""
        image = f"registry.example/team/app:{tag}"
        command = ("deploy", "--env-file", str(self.env_file))
        process = self.start(*command, **({"IMAGE": image} | variables))
        output, _ = process.communicate(timeout=100)
        return process.returncode, output

    def operate(self, command: str) -> tuple[int, str]:
        """Run rollback or status."""
        process = self.start(command)
        output, _ = process.communicate(timeout=100)
        return process.returncode, output

    def fail(self, match: str, says: str = "it failed", *, times: int = 99, **more: str) -> None:
        """Let the next docker commands with `match` fail, or wait `until` a file is there."""
        fault = {"match": match, "says": says, "status": 1, "times": times, **more}
        (self.docker / "faults.json").write_text(json.dumps([fault]))

    def heal(self) -> None:
        """Let every docker command succeed again, and forget what was asked."""
        (self.docker / "faults.json").unlink(missing_ok=True)
        (self.docker / "calls.jsonl").unlink(missing_ok=True)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What the fake Docker was asked."""
        path = self.docker / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def commands(self) -> list[str]:
        """The same, a line each."""
        return [" ".join(call["arguments"]) for call in self.calls]

    @property
    def running(self) -> dict[str, str]:
        """Which services run, and what."""
        return dict(json.loads((self.docker / "running.json").read_text()))

    @property
    def env(self) -> dict[str, str]:
        """Compose's .env on the host."""
        lines = (self.folder / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    @property
    def serving(self) -> str:
        """Which colour the proxy sends requests to."""
        return "green" if (self.folder / "active" / "green").exists() else "blue"

    def wait_for(self, path: Path) -> None:
        """Wait until a file is there."""
        deadline = time.monotonic() + 60
        while not path.exists():
            if time.monotonic() > deadline:
                raise TimeoutError(path)
            time.sleep(0.02)

    @staticmethod
    def is_possible() -> bool:
        """Whether this machine has an ssh agent."""
        return bool(shutil.which("ssh-agent") and shutil.which("ssh-add"))
