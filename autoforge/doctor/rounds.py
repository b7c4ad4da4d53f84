"""The checks in the order in which they are made, and which have to pass before.

Their modules are imported one by one, when it is their turn: the first of them need no package.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["CHECKS", "Check"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One check."""

    name: str
    """As people ask for it."""
    looks_at: str
    """What it looks at, for the guide and for `--list`."""
    function: str
    """`module:function` in `autoforge.doctor`."""
    needs: tuple[str, ...] = ()
    """Checks without which this one says nothing."""
    option: str = ""
    """The option without which it is not made: `deep` or `online`."""


CHECKS: Final[tuple[Check, ...]] = (
    Check(
        name="python",
        looks_at="the version of Python",
        function="ground:check_python",
    ),
    Check(
        name="packages",
        looks_at="installed packages and their versions, against requirements.txt",
        function="ground:check_packages",
    ),
    Check(
        name="environment",
        looks_at="every variable: missing, wrong, a placeholder, a weak secret",
        function="ground:check_environment",
    ),
    Check(
        name="program",
        looks_at="whether the program can be loaded",
        function="ground:check_program",
        needs=("environment",),
    ),
    Check(
        name="settings",
        looks_at="settings that contradict each other or have no effect; hosts and origins; Clerk",
        function="installation:check_settings",
        needs=("program",),
    ),
    Check(
        name="files",
        looks_at="who may read secrets and data; files of secrets in git",
        function="installation:check_files",
        needs=("program",),
    ),
    Check(
        name="disk",
        looks_at="the folder of the data and its free space",
        function="installation:check_disk",
        needs=("program",),
    ),
    Check(
        name="static",
        looks_at="whether static files are collected (staging, production)",
        function="installation:check_static",
        needs=("program",),
    ),
    Check(
        name="port",
        looks_at="whether the port is free, or ours",
        function="installation:check_port",
        needs=("program",),
    ),
    Check(
        name="token",
        looks_at="until when the database's token is good",
        function="data:check_token",
        needs=("program",),
    ),
    Check(
        name="database",
        looks_at="whether the database answers",
        function="data:check_database",
        needs=("program", "token"),
    ),
    Check(
        name="replica",
        looks_at="how old the copy is that pages are read from",
        function="data:check_replica",
        needs=("program",),
    ),
    Check(
        name="clock",
        looks_at="whether this machine and the database agree on the time",
        function="data:check_clock",
        needs=("database",),
    ),
    Check(
        name="migrations",
        looks_at="migrations that are pending, and those of a newer version",
        function="data:check_migrations",
        needs=("database",),
    ),
    Check(
        name="schema",
        looks_at="tables, columns, constraints, indexes and triggers",
        function="data:check_schema",
        needs=("migrations",),
    ),
    Check(
        name="write",
        looks_at="whether a row can be written",
        function="data:check_write",
        needs=("migrations",),
    ),
    Check(
        name="integrity",
        looks_at="the whole file and all foreign keys",
        function="data:check_integrity",
        needs=("database",),
        option="deep",
    ),
    Check(
        name="cache",
        looks_at="Redis: answers, password, database, memory; or the cache of the process",
        function="services:check_cache",
        needs=("program",),
    ),
    Check(
        name="queue",
        looks_at="whether workers live, and runs that nobody takes",
        function="services:check_queue",
        needs=("schema",),
    ),
    Check(
        name="roles",
        looks_at="the permissions of the roles",
        function="records:check_roles",
        needs=("schema", "write"),
    ),
    Check(
        name="accounts",
        looks_at="whether somebody can administer the installation",
        function="records:check_accounts",
        needs=("schema",),
    ),
    Check(
        name="models",
        looks_at="keys of the providers that model profiles use",
        function="services:check_models",
        needs=("schema",),
    ),
    Check(
        name="providers",
        looks_at="whether the providers accept the keys (lists of models, which cost nothing)",
        function="services:check_providers",
        needs=("models",),
        option="online",
    ),
    Check(
        name="webhooks",
        looks_at="endpoints that fail, and deliveries that wait",
        function="services:check_webhooks",
        needs=("schema",),
    ),
    Check(
        name="backups",
        looks_at="how old the newest good backup is, and whether its file is there",
        function="records:check_backups",
        needs=("schema",),
    ),
    Check(
        name="unfinished",
        looks_at="files that interrupted operations have left: backups, copies, changes of files",
        function="records:check_unfinished",
        needs=("program",),
    ),
    Check(
        name="leftovers",
        looks_at="what interrupted operations have left in the database",
        function="records:check_leftovers",
        needs=("database",),
    ),
)
