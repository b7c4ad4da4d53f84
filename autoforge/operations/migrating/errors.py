"""What can go wrong in migrating, and what it leaves behind.

MigrationError
├── RefusedError       nothing was changed
│   ├── HeldError      somebody else is at it
│   └── ConsentError   the plan loses data, and nobody has agreed
├── StepFailedError    a migration failed; what it had changed is undone
└── AttentionError     the database may not be as it should: a person has to look
"""

__all__ = [
    "AttentionError",
    "ConsentError",
    "HeldError",
    "MigrationError",
    "RefusedError",
    "StepFailedError",
]


class MigrationError(Exception):
    """One sentence for whoever migrates; trying again helps where the sentence says so."""


class RefusedError(MigrationError):
    """Nothing was changed."""


class HeldError(RefusedError):
    """Another runner holds the lock; trying again helps when it has ended."""


class ConsentError(RefusedError):
    """The plan loses data, and nobody has agreed to it."""


class StepFailedError(MigrationError):
    """A migration failed, and what it had changed is undone."""


class AttentionError(MigrationError):
    """The database may not be as it should."""
