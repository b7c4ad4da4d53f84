"""Why a backup, a restoration or a copy did not happen.

Exception:
    BackupError          nothing was changed; the text is one sentence: what, where, how to mend it
    ├── DamagedBackup    a backup of ours, but not what was written
    ├── NoRoom           a disk is full; whether the backup is good is not known
    └── SwitchUnknown    the server did not say whether it has switched: look before you go on
"""

from autoforge.operations.backups.room import Room

__all__ = ["BackupError", "DamagedBackup", "NoRoom", "SwitchUnknown"]


class BackupError(Exception):
    """What was asked for was not done; the text says why, without secrets."""

    code = "backup.refused"
    """For programs."""


class DamagedBackup(BackupError):
    """The file is a backup, and something in it is not as it was written."""

    code = "backup.damaged"
    """For programs."""


class NoRoom(BackupError):
    """A folder takes no more: a full disk, a quota, or a limit on the size of files."""

    code = "backup.no-room"
    """For programs."""

    def __init__(self, room: Room, reason: str) -> None:
        super().__init__(room, reason)
        self.room = room
        self.reason = reason

    def __str__(self) -> str:
        # How much is free is asked when it is shown: what was half done is removed by then.
        return self.room.explain(self.reason)


class SwitchUnknown(BackupError):
    """No answer came to the one transaction that replaces a database."""

    code = "backup.outcome-unknown"
    """For programs."""
