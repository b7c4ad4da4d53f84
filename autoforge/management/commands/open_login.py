"""`manage.py open_login`: let somebody in again who is locked out."""

import ipaddress
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from autoforge.web.client_address import find_network
from autoforge.web.lockout import open_logins
from core.exit_status import NOT_ASKED


class Command(BaseCommand):
    """Forgets the failed logins of names or of addresses."""

    help = "Unblocks logins after too many failed attempts, by user name or IP address."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take names and addresses."""
        parser.add_argument("names", nargs="*", metavar="NAME", help="user name")
        parser.add_argument(
            "--address",
            action="append",
            default=[],
            metavar="IP",
            help="an IP address, as shown on the page that blocked it; can be repeated",
        )

    def handle(self, *_arguments: object, **options: Any) -> None:
        """Open them and say how many failures were forgotten."""
        if not options["names"] and not options["address"]:
            raise CommandError(
                "Specify a user, or an address with --address.", returncode=NOT_ASKED
            )
        addresses = [_parse(text) for text in options["address"]]
        count = open_logins(names=options["names"], addresses=addresses)
        what = "failed login" if count == 1 else "failed logins"
        self.stdout.write(f"{count} {what} forgotten.")
        if not count:
            self.stderr.write(
                "No failed logins were found for that user or address; check the spelling."
            )


def _parse(text: str) -> str:
    try:
        return find_network(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise CommandError(
            f"{text!r} is not an IP address, such as 203.0.113.7 or 2001:db8::1.",
            returncode=NOT_ASKED,
        ) from None
