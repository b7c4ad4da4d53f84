"""`manage.py dbshell`: Turso's own shell where it is installed, else a small one of ours."""

import shutil
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.backends.sqlite3 import client as sqlite3

__all__ = ["DatabaseClient"]


class DatabaseClient(sqlite3.DatabaseClient):
    """Opens a shell on the database."""

    executable_name = "turso"

    @classmethod
    def settings_to_cmd_args_env(  # type: ignore[override]  # SQLite's has no environment
        cls, settings_dict: Mapping[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        """Return the command and what it needs in its environment.

        `turso db shell` takes a token in the URL only, where every process of the machine could
        read it: a database with a token gets our shell, which takes it from its environment.
        """
        options = settings_dict["OPTIONS"]
        token = options.get("auth_token")
        namespace = options.get("namespace")
        url = str(settings_dict["NAME"])
        if not token and not namespace and shutil.which(cls.executable_name):
            return [cls.executable_name, "db", "shell", url, *parameters], None
        command = [sys.executable, "-m", "django_hrana.driver.shell", url]
        if namespace:
            command += ["--namespace", namespace]
        if options.get("ca_file"):
            command += ["--ca-file", str(options["ca_file"])]
        command += parameters
        if callable(token):
            token = token()
        if not token:
            return command, None
        return command, {"LIBSQL_AUTH_TOKEN": token}
