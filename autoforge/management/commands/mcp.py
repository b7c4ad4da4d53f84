"""`manage.py mcp`: the Model Context Protocol over standard input and output."""

import os
import sys
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, no_translations
from django.db import close_old_connections

from autoforge.api.mcp.protocol import answer
from core.access.authentication import authenticate_secret
from core.errors import ApplicationError
from core.exit_status import NOT_ASKED

KEY: Final = "AUTOFORGE_API_KEY"
LONGEST_LINE: Final = 4 * 1024 * 1024  # bytes; longer than any text that the database takes


class Command(BaseCommand):
    """Serve; exit 0 when the input ends, 2 refused."""

    help = (
        "Serves prompts and tools to an assistant over standard input and output (MCP). "
        f"Needs an API key in the variable {KEY}."
    )

    @no_translations
    def handle(self, *args: object, **options: Any) -> None:
        """Answer each line until there are no more."""
        key = os.environ.get(KEY, "")
        if not key:
            message = f"Set {KEY} to an API key; create one with “manage.py api_key create”."
            raise CommandError(message, returncode=NOT_ASKED)
        try:
            authenticate_secret(key)
        except ApplicationError as error:
            raise CommandError(f"{KEY}: {error}.", returncode=NOT_ASKED) from error
        while line := sys.stdin.buffer.readline(LONGEST_LINE):
            if not line.strip():
                continue
            self._answer(line, key)

    def _answer(self, line: bytes, key: str) -> None:
        close_old_connections()
        try:
            caller = authenticate_secret(key)  # anew: it may have been revoked meanwhile
        except ApplicationError as error:
            raise CommandError(f"{KEY}: {error}.", returncode=NOT_ASKED) from error
        reply = answer(line, caller)
        if reply.body is not None:
            sys.stdout.buffer.write(reply.body + b"\n")
            sys.stdout.buffer.flush()
