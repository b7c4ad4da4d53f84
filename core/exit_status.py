"""How a command ends: one rule for every command of ours (docs/operations.md, "Exit statuses").

    0          done, or the answer is good
    1          the answer is no (unhealthy, damaged, pending, a gate failed), or it was not done
    2          could not be asked, or was asked wrongly: options, environment, no database
    3          a person has to look: the server did not say whether it has written
    130, 143   stopped by SIGINT (Ctrl-C), by SIGTERM

What a command says beyond these stands in its help. Standard library alone: this is also needed
where Django is missing.
"""

from collections.abc import Iterable
from typing import Final

__all__ = [
    "INTERRUPTED",
    "NO",
    "NOT_ASKED",
    "PERSON_NEEDED",
    "STOPS",
    "TERMINATED",
    "Terminated",
    "describe_error",
    "find_command_code",
    "find_stop_status",
]

NO: Final = 1
NOT_ASKED: Final = 2
PERSON_NEEDED: Final = 3
INTERRUPTED: Final = 130  # as a shell reports a program that Ctrl-C has ended
TERMINATED: Final = 143  # as a shell reports a program that SIGTERM has ended


class Terminated(SystemExit):
    """SIGTERM came: what is open is closed and undone, and the command ends with 143."""

    def __init__(self) -> None:
        super().__init__(TERMINATED)


STOPS: Final = (KeyboardInterrupt, Terminated)
"""What SIGINT and SIGTERM raise, for commands that have more to say then."""


def find_stop_status(stop: BaseException) -> int:
    """Return the exit status of one of `STOPS`."""
    return TERMINATED if isinstance(stop, Terminated) else INTERRUPTED


def find_command_code(status: int) -> str:
    """Return the code of a command's error that has none of its own.

    >>> find_command_code(130)
    'command.interrupted'
    """
    return _CODES.get(status, "command.failed")


_CODES: Final = {
    NOT_ASKED: "command.invalid",
    INTERRUPTED: "command.interrupted",
    TERMINATED: "command.terminated",
}


def describe_error(
    code: str, message: str, status: int, errors: Iterable[dict[str, str]] = ()
) -> dict[str, object]:
    """Return an error as `--format json` prints it, in the words of the HTTP API's problems.

    Args:
        code: for programs, such as `prompt.missing-name`; it never changes.
        message: for people.
        status: what the command exits with.
        errors: one entry for each field that is wrong: `field`, `detail` and `code`.

    >>> describe_error("command.usage", "there is no --formt", 2)
    {'code': 'command.usage', 'message': 'there is no --formt', 'exit_status': 2}
    """
    # A name of a file may hold half a surrogate pair, which has no UTF-8.
    text = message.encode("utf-8", "backslashreplace").decode()
    description: dict[str, object] = {"code": code, "message": text, "exit_status": status}
    listed = list(errors)
    if listed:
        description["errors"] = listed
    return description
