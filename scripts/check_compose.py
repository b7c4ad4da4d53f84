"""Check the compose files: the specification's schema, and Docker Compose's own reading of them.

Compose fills in variables, joins files and checks what the schema cannot, such as a volume that
nobody declares. It needs no Docker engine for that.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
BIN: Final = Path(sys.prefix) / "bin"
ENVIRONMENT: Final = "deploy/host.env.example"  # as the file .env on a host
# What is started together; one after the other, later files add to earlier ones.
SETS: Final = (
    ("docker-compose.yml",),
    ("docker-compose.prod.yml",),
    ("docker-compose.prod.yml", "docker-compose.monitoring.yml"),
)


def main() -> int:
    """Return 0 if every file and every set of files is sound, else 1."""
    names = sorted({name for files in SETS for name in files})
    commands = [["check-jsonschema", "--builtin-schema", "vendor.compose-spec", *names]]
    for files in SETS:
        options = [part for name in files for part in ("--file", name)]
        more = ["--env-file", ENVIRONMENT, "--profile", "*", "config", "--quiet"]
        commands.append(["docker-compose", *options, *more])
    # Compose takes variables of the process before those of the file: none of ours may count here.
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    failed = False
    for command in commands:
        done = subprocess.run(  # noqa: S603 (tools of this environment, by their path)
            [str(BIN / command[0]), *command[1:]],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            failed = True
            sys.stderr.write(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
