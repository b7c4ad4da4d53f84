"""The errors of env files; `str()` of each is one sentence for the person at the keyboard."""

__all__ = ["EnvFileError", "UnsupportedValueError"]


class EnvFileError(Exception):
    """A file of variables cannot be read or written as asked."""


class UnsupportedValueError(EnvFileError):
    """No quoting of the value is read back the same by AutoForge, a shell and Docker Compose."""
