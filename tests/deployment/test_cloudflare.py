"""The Worker for Cloudflare: its tests by Node's own runner, and files that agree with each other.

`make cloudflare` runs it in Cloudflare's runtime and lets wrangler build it; that needs npm.
"""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "cloudflare"
NODE = shutil.which("node")
OLDEST = 20  # its runner, and Request and Response without a package


def is_old():
    if NODE is None:
        return True
    done = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True)
    return int(done.stdout.removeprefix("v").partition(".")[0]) < OLDEST


@pytest.mark.once
@pytest.mark.skipif(is_old(), reason=f"Node.js {OLDEST} or newer is not installed here")
def test_the_worker_passes_its_own_tests():
    done = subprocess.run(
        [NODE, "--test", "--test-reporter=tap"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"^# pass (\d+)", done.stdout, re.MULTILINE)[1]) >= 20


def test_both_environments_have_an_origin_of_their_own():
    config = tomllib.loads((FOLDER / "wrangler.toml").read_text(encoding="utf-8"))
    assert (FOLDER / config["main"]).is_file()
    assert config["workers_dev"] is False
    assert set(config["env"]) == {"staging", "production"}
    origins = {env["vars"]["ORIGIN"] for env in config["env"].values()}
    sites = {route["pattern"] for env in config["env"].values() for route in env["routes"]}
    assert len(origins) == len(sites) == 2
    # An origin of the site's own name would ask the Worker, and that itself again.
    assert not {origin.removeprefix("https://") for origin in origins} & sites


def test_wrangler_is_pinned_and_no_address_of_a_registry_is_kept():
    package = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))
    version = package["devDependencies"]["wrangler"]
    assert lock["packages"]["node_modules/wrangler"]["version"] == version
    for name, entry in lock["packages"].items():
        assert "resolved" not in entry
        assert not name or entry["integrity"].startswith("sha512-")


def test_rules_of_the_scan_are_separated_by_tabs():
    text = (FOLDER.parent / "zap-baseline.conf").read_text(encoding="utf-8")
    for line in text.splitlines():
        assert line.startswith("#") or re.fullmatch(r"\d{5}\t(FAIL|WARN|IGNORE)\t\(.+\)", line)
