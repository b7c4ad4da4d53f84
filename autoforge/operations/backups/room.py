"""Folders that something large is written to, and what is said where they are full."""

import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Room", "temporary_room"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """A folder that something is written to."""

    folder: Path
    """The folder."""
    purpose: str
    """What it is for, such as "the unpacked backup b.zst"."""
    remedy: str
    """What helps where it is full, a sentence."""
    needed_bytes: int = 0
    """About how much is needed; 0 where nobody knows."""

    def explain(self, reason: str) -> str:
        """Return one sentence about what does not fit, and one about what helps."""
        amounts = []
        if self.needed_bytes:
            amounts.append(f"about {self.needed_bytes:,} bytes are needed")
        with suppress(OSError):  # the disk is gone
            amounts.append(f"{shutil.disk_usage(self.folder).free:,} bytes are free")
        listed = f": {', '.join(amounts)}" if amounts else ""
        return f"{self.folder} has no room for {self.purpose} ({reason}){listed}. {self.remedy}"


def temporary_room(purpose: str, folder: Path | None = None) -> Room:
    """Return the system's folder for temporary files, or another one in its place."""
    return Room(
        folder=folder or Path(tempfile.gettempdir()),
        purpose=purpose,
        remedy="Set TMPDIR to a folder on a disk with more room, or free some.",
    )
