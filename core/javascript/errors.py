"""Why a program has no result.

JavaScriptError
├── ThrownError        it threw, or is no JavaScript
├── NotAvailableError  it wants what the sandbox does not have: a module of npm, files, the network
└── LimitError         it took too much time or memory, returned too much, or waits for ever
"""

__all__ = ["JavaScriptError", "LimitError", "NotAvailableError", "ThrownError"]


class JavaScriptError(Exception):
    """A program has no result; `str()` is one sentence."""


class ThrownError(JavaScriptError):
    """The program threw something.

    Args:
        name: such as TypeError; empty where it threw no error.
        message: what the error says.
        stack: where it was thrown, a line for each call.
        file: the file of the program that it comes from; empty for a body.
        line: the line there, from 1; None where it is not known.
    """

    def __init__(
        self, name: str, message: str, *, stack: str = "", file: str = "", line: int | None = None
    ) -> None:
        super().__init__(f"{name}: {message}" if name and name != "Error" else message)
        self.name = name
        self.message = message
        self.stack = stack
        self.file = file
        self.line = line


class NotAvailableError(JavaScriptError):
    """The program wants something that is not in the sandbox.

    Args:
        what: its name, such as fs.readFileSync.
    """

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.what = what


class LimitError(JavaScriptError):
    """The program came to one of its limits."""
