"""The one error of a launch."""

__all__ = ["LaunchError"]


class LaunchError(Exception):
    """The launch cannot go on; `str()` is one sentence for the user: what, where, how to mend."""
