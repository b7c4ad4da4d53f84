"""Check the proxy's configuration: that Caddy can load it, and that it is formatted."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
CADDY: Final = Path(sys.prefix) / "bin" / "caddy"
CADDYFILE: Final = "deploy/caddy/Caddyfile"


def main() -> int:
    """Return 0 if it is sound for a site with TLS and for one behind another proxy, else 1."""
    failed = False
    # Caddy keeps certificates and its last configuration in folders of the user.
    with tempfile.TemporaryDirectory() as folder:
        for address, ranges in [("autoforge.example.com", ""), (":80", "10.0.0.0/8 fd00::/8")]:
            environment = {"SITE_ADDRESS": address, "TRUSTED_RANGES": ranges, "HOME": folder}
            command = ["validate", "--config", CADDYFILE, "--adapter", "caddyfile"]
            failed |= not _passes(command, environment)
        failed |= not _passes(["fmt", "--diff", CADDYFILE], {"HOME": folder})
    return int(failed)


def _passes(arguments: list[str], environment: dict[str, str]) -> bool:
    done = subprocess.run(  # noqa: S603 (the tool of this environment, by its path)
        [str(CADDY), *arguments],
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", "")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.stderr.write(f"caddy {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
