"""A small site that runs the Python examples of one page, in order, on a real libSQL server.

Run by test_examples.py in a process of its own: `python page_site.py`, with a JSON list of the
examples on standard input and the server's URL in DATABASE_URL. It prints the number of those that
it ran.
"""

import json
import os
import sys
from typing import Any

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {
            "ENGINE": "django_hrana",
            "NAME": os.environ["DATABASE_URL"],
            "CONN_MAX_AGE": 60,
        },
        "file": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"},
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["bank"],
    MIDDLEWARE=["django_hrana.replica.middleware.read_own_writes"],
    SECRET_KEY="not secret",
    USE_TZ=True,
)
django.setup()

from bank.models import Account, Note  # noqa: E402 (settings come first)
from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError, connection, connections, transaction  # noqa: E402


def check_entries(databases: dict[str, Any]) -> None:
    """Fail where the settings of an example would not be accepted."""
    from django_hrana.checks import ENGINE, check_settings

    for alias, entry in databases.items():
        if entry["ENGINE"] == ENGINE:
            entry.setdefault("CONN_MAX_AGE", 60)
            problems = [m for m in check_settings(entry, alias) if m.id != "libsql.W003"]
            assert problems == [], problems


def run(codes: list[str]) -> int:
    """Run examples in one namespace; return how many they were."""
    for alias in ("default", "file"):
        call_command("migrate", run_syncdb=True, database=alias, verbosity=0)
        Account.objects.using(alias).create(name="rent", balance=1000)
        Account.objects.using(alias).create(name="food", balance=50)
    Note.objects.using("file").create(text="of the file")
    connections["file"].close()
    names: dict[str, Any] = {
        "Account": Account,
        "IntegrityError": IntegrityError,
        "Note": Note,
        "connection": connection,
        "os": os,
        "transaction": transaction,
    }
    for code in codes:
        exec(code, names)
        if "DATABASES" in names:
            check_entries(names.pop("DATABASES"))
    return len(codes)


if __name__ == "__main__":
    print(run(json.load(sys.stdin)))  # noqa: T201 (read by the test)
