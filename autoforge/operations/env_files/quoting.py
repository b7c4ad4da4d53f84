r"""Values as they stand in a file of variables, so that three readers see the same.

The readers are AutoForge (`autoforge.environment`), a POSIX shell (`. ./.env`) and Docker Compose
(`env_file` and `.env`). They agree on three forms, and each has values that it cannot hold:

| form | holds |
|---|---|
| `bare` | letters, digits and `_ @ % + = : , . / -`, which mean nothing to any of them |
| `'single'` | anything but `'`, a backslash at the end, and `"` at both ends |
| `"double"` | anything but a backtick, with a backslash before `"`, `\` and `$` |

What none of the forms holds: a line break or another control character, and a backtick together
with one of the three that single quotes cannot hold.

Sources: POSIX.1-2024, "Quoting" (2.2); Compose's own parser, `dotenv/parser.go` of compose-go,
which its manual describes under "Set, use, and manage variables in a Compose file"; django-environ,
which takes off single quotes first and double quotes next.
"""

import re

from autoforge.operations.env_files.errors import UnsupportedValueError

__all__ = ["find_unquotable", "is_read_alike", "quote_for_file"]

# Without "~", which a shell replaces behind "=" and ":", and without "#", a comment behind a blank.
BARE = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")
ESCAPED_IN_DOUBLE_QUOTES = re.compile(r'(["\\$])')


def quote_for_file(value: str) -> str:
    """Return the text to write behind `NAME=`.

    Raises:
        UnsupportedValueError: no form holds the value; the sentence says why, not what it is.
    """
    reason = find_unquotable(value)
    if reason:
        raise UnsupportedValueError(
            f"it contains {reason}, which AutoForge, a shell and Docker Compose do not read alike"
        )
    if BARE.fullmatch(value):
        return value
    if _fits_single_quotes(value):
        return f"'{value}'"
    escaped = ESCAPED_IN_DOUBLE_QUOTES.sub(r"\\\1", value)
    return f'"{escaped}"'


def find_unquotable(value: str) -> str:
    """Return what no form holds, in words; empty where one holds the value."""
    if len(f"{value}.".splitlines()) > 1:  # the full stop: a break at the end counts too
        return "a line break"
    for character in value:
        # A tab is a blank to all three; other control characters end up as something else.
        if character != "\t" and (ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0):
            return "a control character"
    if "`" in value and not _fits_single_quotes(value):
        return "a backtick together with a quote or a backslash at its end"
    return ""


def _fits_single_quotes(value: str) -> bool:
    if "'" in value or value.endswith("\\"):
        return False
    # django-environ would take these off as well, once the single quotes are gone.
    return not (value.startswith('"') and value.endswith('"'))


# As it stands in the file: no blank, and nothing that a shell or Compose would act upon.
ALIKE_BARE = re.compile(r"""[^\s'"\\$`;&|<>()~]*""")
ALIKE_DOUBLE = re.compile(r'"(?:[^"\\$`]|\\["\\$])*"')


def is_read_alike(raw: str) -> bool:
    """Whether AutoForge, a shell and Compose see the same in what stands behind `NAME=`.

    Rather False than wrongly True: a form that only happens to be read alike is not looked for.
    """
    if find_unquotable(raw) == "a line break":
        return False
    if ALIKE_BARE.fullmatch(raw) or ALIKE_DOUBLE.fullmatch(raw):
        return True
    inner = raw[1:-1]
    return len(raw) >= 2 and raw[0] == raw[-1] == "'" and _fits_single_quotes(inner)
