"""Who may read a file that holds secrets."""

import stat
from collections.abc import Iterable
from pathlib import Path

__all__ = ["COMMITTED_TEMPLATES", "find_env_files", "readable_by_others", "writable_by_all"]

# Committed on purpose: they hold placeholders and defaults, no secret.
COMMITTED_TEMPLATES = frozenset({".env.example", ".env.staging", ".env.production"})


def find_env_files(folder: Path) -> list[Path]:
    """Return `.env` and `.env.*` in `folder`, without the committed templates."""
    files = []
    for path in (*folder.glob(".env"), *folder.glob(".env.*")):
        if path.is_file() and path.name not in COMMITTED_TEMPLATES:
            files.append(path)
    return sorted(files)


def readable_by_others(paths: Iterable[Path]) -> list[Path]:
    """Return the files that their group or everybody may read or write."""
    others = stat.S_IRWXG | stat.S_IRWXO
    return [path for path in paths if _mode(path) & others]


def writable_by_all(path: Path) -> bool:
    """Whether everybody may write the file."""
    return bool(_mode(path) & stat.S_IWOTH)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:  # gone, or out of reach: then nobody reads it through us
        return 0
