"""`manage.py turso`: an account at Turso, from login to a database whose token is renewed.

Exit status: 0 done · 1 Turso refused, or a token does not work · 2 what was typed is not valid,
nothing was sent · 3 not logged in, or not allowed · 4 no answer of Turso's; try again.
"""

import argparse
import getpass
import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, no_translations

from autoforge.operations.turso.api import Database, PlatformAPI
from autoforge.operations.turso.databases import create_database, destroy_database, find_in_use
from autoforge.operations.turso.destinations import (
    ENVIRONMENTS,
    Destination,
    find_current,
    open_env_file,
)
from autoforge.operations.turso.errors import TursoError, TursoInputError
from autoforge.operations.turso.login import log_in, open_api
from autoforge.operations.turso.names import check_name
from autoforge.operations.turso.presenting import (
    describe_database,
    describe_new_token,
    describe_usage,
    format_table,
    format_time,
    list_usage_rows,
)
from autoforge.operations.turso.tokens import (
    NewToken,
    TokenRequest,
    create_token,
    mint_token,
    revoke_tokens,
    rotate_token,
)
from autoforge.operations.turso.trial import build_url
from core.jwt_claims import is_read_only
from django_hrana.driver import shell

SHELL_EXPIRATION: Final = "60m"  # a session at a prompt; nothing keeps its token


class Command(BaseCommand):
    """Groups, databases, tokens and usage at Turso."""

    help = (
        "Manages databases at Turso: login, locations, list, show, create, token create, token "
        "rotate, token revoke, shell, destroy, usage. Exit status: 0 done, 1 refused, 2 not valid "
        "(nothing was sent), 3 not logged in or not allowed, 4 no answer."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the actions and their options."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        login = actions.add_parser(
            "login", help="keep a platform token, read from a prompt or from standard input"
        )
        login.add_argument("--organization", default="", metavar="SLUG", help="work on this one")
        locations = actions.add_parser("locations", help="list the regions of today")
        listing = actions.add_parser("list", help="list the databases")
        show = actions.add_parser("show", help="show a database")
        _add_name(show)
        usage = actions.add_parser("usage", help="show what was used, with the plan's quotas")
        _add_name(usage)
        create = actions.add_parser(
            "create", help="create a database with a token, and its group with --location"
        )
        create.add_argument("name", metavar="NAME", help="of the database")
        create.add_argument("--group", default="default", help="default: default")
        create.add_argument(
            "--location", default="", help="region of a group that is missing, such as nrt"
        )
        _add_token(create)
        _add_output(create)
        self._add_token_actions(actions)
        prompt = actions.add_parser("shell", help="open a prompt for SQL on a database")
        _add_name(prompt)
        prompt.add_argument("--read-only", action="store_true", help="change nothing")
        prompt.add_argument("--command", "-c", metavar="SQL", help="run this and leave")
        destroy = actions.add_parser("destroy", help="delete a database with all that is in it")
        destroy.add_argument("name", metavar="NAME", help="of the database")
        destroy.add_argument("--yes", metavar="NAME", help="the name again, instead of typing it")
        destroy.add_argument(
            "--even-if-in-use", action="store_true", help="also this installation's own"
        )
        for action in (locations, listing, show, usage, create, prompt, destroy):
            _add_organization(action)
        for action in (locations, listing, show, usage, create):
            _add_format(action)

    def _add_token_actions(self, actions: Any) -> None:
        token = actions.add_parser("token", help="tokens of a database")
        kinds = token.add_subparsers(dest="kind", required=True, metavar="ACTION")
        create = kinds.add_parser("create", help="make one more token; the others stay good")
        rotate = kinds.add_parser(
            "rotate", help="make a token, try it, write it where the old one is, which runs out"
        )
        revoke = kinds.add_parser(
            "revoke", help="invalidate every token, then make and write a new one"
        )
        revoke.add_argument("--yes", metavar="NAME", help="the name again, instead of typing it")
        for kind in (create, rotate, revoke):
            _add_name(kind)
            _add_token(kind)
            _add_output(kind)
            _add_organization(kind)
            _add_format(kind)

    @no_translations
    def handle(self, *_arguments: object, **options: Any) -> None:
        """Carry the action out."""
        name = options["action"]
        if name == "token":
            name = f"token_{options['kind']}"
        action = getattr(self, f"do_{name}")
        try:
            action(options)
        except TursoError as error:
            raise CommandError(str(error), returncode=error.exit_status) from error

    # Who asks

    def do_login(self, options: dict[str, Any]) -> None:
        """Keep a platform token."""
        if sys.stdin.isatty():
            token = getpass.getpass("Platform token (it is not shown): ")
        else:
            token = sys.stdin.readline()
        login = log_in(token, options["organization"])
        self.stdout.write(
            f"Logged in for {login.organization}; the platform token expires: "
            f"{format_time(login.expires_at)}. It is kept in {login.file}, for you alone."
        )

    # Looking

    def do_locations(self, options: dict[str, Any]) -> None:
        """List the regions of today."""
        regions = open_api(options["organization"]).list_locations()
        if options["format"] == "json":
            self._write_json(regions)
            return
        self.stdout.write(format_table([("code", "region"), *sorted(regions.items())]))

    def do_list(self, options: dict[str, Any]) -> None:
        """List the databases."""
        databases = sorted(
            open_api(options["organization"]).list_databases(), key=lambda row: row.name
        )
        if options["format"] == "json":
            self._write_json([describe_database(row) for row in databases])
            return
        rows = [("name", "group", "region", "url")]
        for row in databases:
            rows.append((row.name, row.group, row.region, build_url(row.hostname)))
        self.stdout.write(format_table(rows) if databases else "There are no databases.")

    def do_show(self, options: dict[str, Any]) -> None:
        """Show a database."""
        database = _find_database(open_api(options["organization"]), options["name"])
        document = describe_database(database)
        if options["format"] == "json":
            self._write_json(document)
            return
        rows = [(name.replace("_", " "), _say(value)) for name, value in document.items()]
        self.stdout.write(format_table(rows))

    def do_usage(self, options: dict[str, Any]) -> None:
        """Show what a database has used, with the quotas of the plan."""
        api = open_api(options["organization"])
        name = _find_database(api, options["name"]).name
        used, whole, quotas = (
            api.read_usage(name),
            api.read_organization_usage(),
            api.read_quotas(),
        )
        if options["format"] == "json":
            self._write_json(describe_usage(name, used, whole, quotas))
            return
        self.stdout.write(f"Database {name}, plan {quotas.plan or 'unknown'} of {api.organization}")
        self.stdout.write(format_table(list_usage_rows(used, whole, quotas)))

    # Databases

    def do_create(self, options: dict[str, Any]) -> None:
        """Create a database, and write its URL and token."""
        destination = _find_destination(options)
        if destination is None and not options["show"]:
            raise TursoInputError(
                "Say where the token goes: --write-to FILE writes it into an env file, --show "
                "shows it once."
            )
        created = create_database(
            open_api(options["organization"]),
            options["name"],
            _make_request(options, destination),
            group=options["group"],
            location=options["location"],
            say=self._say,
        )
        if options["format"] == "json":
            document = describe_database(created.database) | {"group": options["group"]}
            document["token"] = describe_new_token(created.token, shows_token=options["show"])
            self._write_json(document)
            return
        self.stdout.write(f"The database {options['name']} answers at {created.url}.")
        self._write_token(created.token, options)

    def do_destroy(self, options: dict[str, Any]) -> None:
        """Delete a database."""
        name = check_name(options["name"], "database")
        api = open_api(options["organization"])
        self._confirm(
            name, options["yes"], f"This deletes the database {name} with all that is in it"
        )
        destroy_database(api, name, even_if_in_use=options["even_if_in_use"], say=self._say)
        self.stdout.write(f"The database {name} is deleted.")

    def do_shell(self, options: dict[str, Any]) -> None:
        """Open a prompt for SQL, with a token that nothing keeps."""
        api = open_api(options["organization"])
        database = _find_database(api, options["name"])
        request = TokenRequest(expiration=SHELL_EXPIRATION, is_read_only=options["read_only"])
        token = mint_token(api, database.name, request)
        arguments = [build_url(database.hostname)]
        if options["command"] is not None:
            arguments += ["--command", options["command"]]
        status = shell.main(arguments, token=token)
        if status:
            sys.exit(status)

    # Tokens

    def do_token_create(self, options: dict[str, Any]) -> None:
        """Make one more token."""
        destination = _find_destination(options)
        if destination is None and not options["show"]:
            raise TursoInputError(
                "Say where the token goes: --write-to FILE writes URL and token into an env file, "
                "--show shows it once."
            )
        request = _make_request(options, destination)
        api = open_api(options["organization"])
        new = create_token(api, _find_database(api, options["name"]), request)
        self._report_token(new, options)

    def do_token_rotate(self, options: dict[str, Any]) -> None:
        """Put a new token in the place of the old one, which runs out by itself."""
        destination = _find_destination(options, or_current=True)
        request = _make_request(options, destination, keeps_access=True)
        api = open_api(options["organization"])
        database = _find_database_of(api, options["name"], destination, options)
        new = rotate_token(api, database, request)
        self._report_token(new, options)
        if destination is not None:
            self._say(
                "Running processes that read this file take it within a second; the old token "
                "stays good until it expires. `manage.py turso token revoke` ends it now."
            )

    def do_token_revoke(self, options: dict[str, Any]) -> None:
        """Invalidate every token, and put a new one in the place of the old one."""
        destination = _find_destination(options, or_current=True)
        request = _make_request(options, destination, keeps_access=True)
        api = open_api(options["organization"])
        database = _find_database_of(api, options["name"], destination, options)
        self._confirm(
            database.name,
            options["yes"],
            f"This revokes every token of {database.name}, of every program. Until the new one is "
            "written, which takes a second or two, requests are refused; processes that read "
            "their token from the file wait for it. Others stop until they get a new one",
        )
        new = revoke_tokens(api, database, request, say=self._say)
        self._report_token(new, options)
        if new.failure:
            raise TursoError(f"{new.failure} Every older token is revoked.")

    # Words

    def _report_token(self, new: NewToken, options: dict[str, Any]) -> None:
        if options["format"] == "json":
            self._write_json(describe_new_token(new, shows_token=options["show"]))
            return
        self._write_token(new, options)

    def _write_token(self, new: NewToken, options: dict[str, Any]) -> None:
        access = "read-only" if new.is_read_only else "read and write"
        tried = "It was not tried" if new.failure else "It was tried"
        self.stdout.write(f"A new token: {access}, expires: {format_time(new.ends)}. {tried}.")
        if new.destination is not None:
            self.stdout.write(f"It is written to {new.destination.path}, for you alone.")
        if options["show"]:
            self.stdout.write("The token is shown only now:")
            self.stdout.write(new.text)

    def _write_json(self, document: object) -> None:
        self.stdout.write(json.dumps(document, ensure_ascii=False, indent=2))

    def _say(self, sentence: str) -> None:
        """Tell a step on standard error: standard output is the answer's."""
        self.stderr.write(sentence, lambda line: line)

    def _confirm(self, name: str, answer: str | None, consequence: str) -> None:
        """Go on only if somebody has typed the name.

        Raises:
            TursoInputError: nobody has, or it is another one; nothing was done.
        """
        self._say(f"{consequence}.")
        if answer is None:
            if not sys.stdin.isatty():
                raise TursoInputError(f"Nothing was done: add --yes {name}.")
            answer = input(f"Type {name} to go on: ")
        if answer.strip() != name:
            raise TursoInputError(f"Nothing was done: {answer.strip()!r} is not {name}.")


def _add_name(parser: ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", default="", metavar="NAME", help="default: this installation's database"
    )


def _add_token(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--expiration", default="90d", metavar="90d", help="lifetime of the token, or never"
    )
    parser.add_argument(
        "--read-only",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether the token may only read (a rotation keeps it as it was)",
    )


def _add_output(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--write-to", type=Path, metavar="FILE", help="env file that gets the token"
    )
    parser.add_argument(
        "--for", dest="app_env", choices=ENVIRONMENTS, default="", help="whose file it is"
    )
    parser.add_argument(
        "--show", action="store_true", help="show the token once, alone on the last line"
    )


def _add_organization(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--organization", default="", metavar="SLUG", help="another than the usual one"
    )


def _add_format(parser: ArgumentParser) -> None:
    parser.add_argument("--format", choices=("text", "json"), default="text")


def _find_database(api: PlatformAPI, name: str) -> Database:
    if name:
        return api.find_database(check_name(name, "database"))
    return find_in_use(api)


def _find_database_of(
    api: PlatformAPI, name: str, destination: Destination | None, options: dict[str, Any]
) -> Database:
    """Return the database whose token a destination holds.

    Raises:
        TursoInputError: this installation's token would be replaced by another database's.
    """
    database = _find_database(api, name)
    is_current = destination is not None and options["write_to"] is None
    if is_current and name and find_in_use(api).name != name:
        raise TursoInputError(
            f"{name} is not the database of this installation, whose token would be replaced: "
            "name the file with --write-to, or add --show."
        )
    return database


def _find_destination(options: dict[str, Any], *, or_current: bool = False) -> Destination | None:
    """Return where the token goes; None: it is only shown."""
    if options["write_to"] is not None:
        return open_env_file(options["write_to"], options["app_env"])
    if or_current and not options["show"]:
        return find_current()
    return None


def _make_request(
    options: dict[str, Any], destination: Destination | None, *, keeps_access: bool = False
) -> TokenRequest:
    """Return the token that is wanted.

    Args:
        options: those of the command.
        destination: where the token goes.
        keeps_access: whether it may do what the old one there may, unless something else is asked.

    Raises:
        TursoInputError: it cannot be made, or not be written there.
    """
    only_reads = options["read_only"]
    if only_reads is None and keeps_access and destination is not None:
        only_reads = is_read_only(destination.read_token())
    request = TokenRequest(
        expiration=options["expiration"], is_read_only=bool(only_reads), destination=destination
    )
    request.check()
    return request


def _say(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
