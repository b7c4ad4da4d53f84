"""Why a backup, a restoration or a copy did not happen.

Exception:
    BackupError          nothing was changed; the text is one sentence: what, where, how to mend it
    ├── DamagedBackup    a backup of ours, but not what was written
    └── SwitchUnknown    the server did not say whether it has switched: look before you go on
"""

__all__ = ["BackupError", "DamagedBackup", "SwitchUnknown"]


class BackupError(Exception):
    """What was asked for was not done; the text says why, without secrets."""


class DamagedBackup(BackupError):
    """The file is a backup, and something in it is not as it was written."""


class SwitchUnknown(BackupError):
    """No answer came to the one transaction that replaces a database."""
