"""The house is as it is drawn: every folder of code has its storey, every module its place."""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Programs, tests, examples and clients beside the product: nothing of it may import them.
OUTSIDE = {
    "deploy",
    "autoforge_client",
    "benchmarks",
    "docs",
    "hrana_support",
    "scripts",
    "tests",
}
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
    if path.parts[0] != "packages":
        return path.parts[0]
    folder, *below = path.parts[2:]
    return below[0] if folder == "src" else folder


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


def test_the_backend_and_its_tests_know_nothing_of_autoforge():
    ours = "autoforge|core|evaluations|launch|prompts|scripts|tests"
    folder = ROOT / "packages" / "django-hrana"
    files = [path for path in list_python_files() if (ROOT / path).is_relative_to(folder)]
    imports = re.compile(rf"^\s*(?:from|import) (?:{ours})\b", re.MULTILINE)
    assert len(files) > 100
    assert [str(path) for path in files if imports.search((ROOT / path).read_text("utf-8"))] == []


def read_layers(text: str) -> dict[str, list[list[str]]]:
    """Return package → layers, from the highest, as the block below “## Layers” draws them."""
    drawn: dict[str, list[list[str]]] = {}
    block = text.split("## Layers")[1].split("```")[1]
    package = ""
    # A line that begins two columns further to the right goes on with the one before it.
    for line in block.replace("\n      ", " ").strip().splitlines():
        if line.startswith(" "):
            drawn[package].append(re.split(r"\s+·\s+", line.strip()))
        elif line:
            package = line
            drawn[package] = []
    return drawn


def test_the_layers_are_as_they_are_drawn():
    enforced = {
        contract["containers"][0]: [
            [name.strip(" ()") for name in re.split(r"[|:]", layer)] for layer in contract["layers"]
        ]
        for contract in LINTER["contracts"]
        if contract["type"] == "layers" and contract.get("exhaustive")
    }
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert read_layers(text) == enforced


def test_the_places_that_are_named_are_there():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tops = "autoforge|core|docs|evaluations|packages|prompts|scripts|tests|templates"
    named = re.findall(rf"`((?:{tops})/[\w./-]+)`", text)
    assert named
    missing = [place for place in named if not (ROOT / place).exists()]
    assert missing == ["autoforge/resources/"]  # of a wheel
