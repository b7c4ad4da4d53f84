"""The house is as it is drawn: every folder of code has its storey, every module its place."""

import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Programs, tests and examples beside the product: nothing of it may import them.
OUTSIDE = {"benchmarks", "docs", "scripts", "tests"}
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]


def list_python_files() -> list[Path]:
    """Return what git knows, and what it would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def find_top_package(path: Path) -> str:
    """Return the name by which a file's package is imported: `packages/x/src/name/…` is `name`."""
    parts = path.parts
    return parts[parts.index("src") + 1] if parts[0] == "packages" else parts[0]


def test_every_folder_of_code_is_in_a_storey():
    folders = {find_top_package(path) for path in list_python_files() if len(path.parts) > 1}
    assert folders - OUTSIDE == set(LINTER["root_packages"])


def test_every_package_says_where_each_of_its_modules_belongs():
    exhaustive = {
        container
        for contract in LINTER["contracts"]
        if contract["type"] == "layers" and contract.get("exhaustive")
        for container in contract["containers"]
    }
    assert set(LINTER["root_packages"]) <= exhaustive


def test_nothing_of_the_product_imports_what_stands_beside_it():
    guilty = []
    for path in list_python_files():
        if find_top_package(path) in OUTSIDE or len(path.parts) == 1:
            continue
        text = (ROOT / path).read_text(encoding="utf-8")
        guilty += [
            f"{path}: {name}"
            for name in OUTSIDE
            if f"\nfrom {name}." in text or f"\nimport {name}" in text
        ]
    assert not guilty
