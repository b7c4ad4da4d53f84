"""Bring the files that are generated from the table of variables up to date: `make env-files`.

The table is `autoforge/environment/variables.py`; what is written from it is in
`autoforge/operations/env_files/generating.py`. A test fails while a file is out of date.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from autoforge.operations.env_files.generating import list_outdated

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Write what has changed and name it."""
    for path, text in list_outdated(ROOT):
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: up to date now")
    return 0


if __name__ == "__main__":
    sys.exit(main())
