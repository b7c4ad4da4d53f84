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
    elsewhere: str = ""
    """How to have it written to another folder, a clause; empty where it belongs here alone."""
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
        remedy = self._join("Free some there")
        return f"{self.folder} has no room for {self.purpose} ({reason}){listed}. {remedy}"

    def explain_refusal(self, reason: str) -> str:
        """Return the same where nobody may write to the folder."""
        remedy = self._join("Give this user write access")
        return f"{self.folder} takes no files for {self.purpose} ({reason}). {remedy}"

    def _join(self, remedy: str) -> str:
        return f"{remedy}, or {self.elsewhere}." if self.elsewhere else f"{remedy}."


def temporary_room(purpose: str, folder: Path | None = None) -> Room:
    """Return the system's folder for temporary files, or another one in its place."""
    return Room(
        folder=folder or Path(tempfile.gettempdir()),
        purpose=purpose,
        elsewhere="set TMPDIR to a folder on another disk",
    )
