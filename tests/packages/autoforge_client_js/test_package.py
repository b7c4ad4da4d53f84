"""What the TypeScript client promises besides what `make clients` shows: it is small, and it needs
nothing else.
"""

import json
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "packages" / "autoforge-client-js"
SOURCES = sorted((FOLDER / "src").glob("*.ts"))
MOST_LINES = 600
IMPORT = re.compile(r"""\b(?:from|import)\s*\(?\s*["']([^"']+)["']""")


def test_it_has_less_than_600_lines():
    assert SOURCES
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES)
    assert lines < MOST_LINES


def test_its_lines_are_not_longer_than_those_of_others():
    for path in SOURCES:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            assert len(line) <= 115, f"{path.name}:{number}"


def test_it_imports_nothing_but_itself():
    package = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
    assert not {"dependencies", "peerDependencies", "optionalDependencies"} & set(package)
    for path in SOURCES:
        for name in IMPORT.findall(path.read_text(encoding="utf-8")):
            assert name.startswith("./"), f"{path.name} imports {name}: browsers have no Node.js"
