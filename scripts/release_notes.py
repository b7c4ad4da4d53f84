"""What a tag releases: `python scripts/release_notes.py v1.2.3` prints the changelog's part.

It is also the check that a tag may become a release. The standard library is enough.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str]) -> int:
    """Print the notes; return 0, or 1 with one sentence where the tag is not this version."""
    if len(arguments) != 1:
        sys.stderr.write("Usage: python scripts/release_notes.py TAG (for example v1.2.3)\n")
        return 2
    try:
        print(find_notes(arguments[0], ROOT))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def find_notes(tag: str, root: Path) -> str:
    """Return the changelog's text for a tag.

    Raises:
        ValueError: the tag is not the version of the sources, or the changelog says nothing of it.
    """
    version = read_version(root)
    if tag != f"v{version}":
        raise ValueError(
            f"The tag is {tag}, but the version in autoforge/__init__.py is {version}. Tag "
            f"v{version}, or change the version first."
        )
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.compile(rf"^## {re.escape(version)}\b.*\n((?:(?!## ).*\n?)*)", re.MULTILINE)
    section = heading.search(text)
    notes = section[1].strip() if section else ""
    if not notes:
        raise ValueError(
            f"CHANGELOG.md has no section `## {version}`. Rename `## Unreleased`, and start a "
            "new one."
        )
    return notes


def read_version(root: Path) -> str:
    """Return the version of the sources, without importing them."""
    text = (root / "autoforge" / "__init__.py").read_text(encoding="utf-8")
    [version] = re.findall(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    return str(version)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
