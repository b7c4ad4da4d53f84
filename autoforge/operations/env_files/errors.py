"""The errors of env files; `str()` of each is one sentence for the person at the keyboard.

EnvFileError                a file cannot be read or written: nothing was done
├── RefusedError            something must be changed by a person first
└── UnsupportedValueError   a value that such a file cannot hold
"""

__all__ = ["EnvFileError", "RefusedError", "UnsupportedValueError"]


class EnvFileError(Exception):
    """A file of variables cannot be read or written as asked."""

    code = "env.unusable"
    """For programs."""


class RefusedError(EnvFileError):
    """What was asked for is not done: a file is there already, a placeholder is empty."""

    code = "env.refused"
    """For programs."""


class UnsupportedValueError(EnvFileError):
    """No quoting of the value is read back the same by AutoForge, a shell and Docker Compose."""

    code = "env.value"
    """For programs."""
