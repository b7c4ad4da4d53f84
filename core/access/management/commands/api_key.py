"""`manage.py api_key`: keys of the HTTP API are made, listed, rotated and revoked."""

import argparse
import json
import re
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, no_translations
from django.utils import timezone

from core.access import services
from core.access.models import ApiKey
from core.errors import ApplicationError
from core.exit_status import NOT_ASKED
from core.option_types import shorten, whole_number
from core.roles import ROLES

DURATION: Final = re.compile(r"([1-9][0-9]{0,4})([mhdw])")
UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Command(BaseCommand):
    """Keys; exit 0 done, 2 refused."""

    help = "Creates, lists, rotates and revokes keys of the HTTP API."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the actions and their options."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        create = actions.add_parser(
            "create", help="create a key; the last line of the output is the key alone"
        )
        create.add_argument("name", metavar="NAME", help="what uses the key")
        create.add_argument(
            "--role", required=True, choices=ROLES, help="the key may do what this role may do"
        )
        create.add_argument(
            "--expires", type=_duration, metavar="90d", help="lifetime: 30m, 12h, 90d, 8w"
        )
        create.add_argument(
            "--requests-per-minute",
            type=whole_number(),
            default=services.DEFAULT_REQUESTS,
            metavar="N",
            help=f"default: {services.DEFAULT_REQUESTS}; 0 means no limit",
        )
        create.add_argument(
            "--usd-per-day", type=_amount, metavar="USD", help="limit for the cost of model calls"
        )
        listing = actions.add_parser("list", help="list the keys")
        listing.add_argument("--format", choices=("text", "json"), default="text")
        rotate = actions.add_parser(
            "rotate", help="create a successor; the last line of the output is the key alone"
        )
        rotate.add_argument("name", metavar="NAME", help="name or prefix of the key")
        rotate.add_argument(
            "--overlap",
            type=_duration,
            default=services.OVERLAP,
            metavar="24h",
            help="how long the old key still works; default: 24h",
        )
        revoke = actions.add_parser("revoke", help="refuse a key from now on")
        revoke.add_argument("name", metavar="NAME", help="name or prefix of the key")

    @no_translations
    def handle(self, *args: object, **options: Any) -> None:
        """Carry the action out."""
        action = getattr(self, options["action"])
        try:
            action(options)
        except ApplicationError as error:
            raise CommandError(f"{error}. Nothing was changed.", returncode=NOT_ASKED) from error

    def create(self, options: dict[str, Any]) -> None:
        """Make a key and write it as the last line."""
        lifetime = options["expires"]
        expires_at = None
        if lifetime is not None:
            expires_at = timezone.now() + lifetime
        new = services.create_key(
            name=options["name"],
            role=options["role"],
            expires_at=expires_at,
            requests_per_minute=options["requests_per_minute"],
            usd_per_day=options["usd_per_day"],
        )
        self._write_new(new)

    def rotate(self, options: dict[str, Any]) -> None:
        """Make the successor of a key and write it as the last line."""
        old = services.find_key(options["name"])
        new = services.rotate_key(key_id=old.pk, overlap=options["overlap"])
        old.refresh_from_db()
        if old.expires_at is not None:
            self.stdout.write(f"{old} works until {_time(old.expires_at)}.")
        self._write_new(new)

    def revoke(self, options: dict[str, Any]) -> None:
        """Refuse a key."""
        row = services.revoke_key(key_id=services.find_key(options["name"]).pk)
        self.stdout.write(f"{row} is revoked.")

    def list(self, options: dict[str, Any]) -> None:
        """Write the keys, the newest first."""
        rows = list(ApiKey.objects.select_related("role"))
        if options["format"] == "json":
            self.stdout.write(json.dumps([_as_json(row) for row in rows], ensure_ascii=False))
            return
        for row in rows:
            expires = "never expires"
            if row.expires_at:
                expires = f"expires {_time(row.expires_at)}"
            used = "never used"
            if row.last_used_at:
                used = f"last used {_time(row.last_used_at)}"
            state = "in use" if row.is_usable else "not in use"
            self.stdout.write(f"{row}  {row.role}  {state}  {expires}  {used}")
        if not rows:
            self.stdout.write("There are no keys.")

    def _write_new(self, new: services.NewKey) -> None:
        expires = "It does not expire."
        if new.row.expires_at is not None:
            expires = f"It expires {_time(new.row.expires_at)}."
        self.stdout.write(
            f"{new.row} may do what the role {new.row.role} may do. {expires} "
            "The key is shown only now:"
        )
        self.stdout.write(new.text)


def _as_json(row: ApiKey) -> dict[str, object]:
    return {
        "id": str(row.pk),
        "name": row.name,
        "prefix": row.prefix,
        "role": row.role.name,
        "is_usable": row.is_usable,
        "requests_per_minute": row.requests_per_minute,
        "usd_per_day": None if row.usd_per_day is None else str(row.usd_per_day),
        "created_at": row.created_at.isoformat(),
        "created_by": row.created_by,
        "expires_at": row.expires_at and row.expires_at.isoformat(),
        "last_used_at": row.last_used_at and row.last_used_at.isoformat(),
        "revoked_at": row.revoked_at and row.revoked_at.isoformat(),
    }


def _time(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _duration(text: str) -> timedelta:
    match = DURATION.fullmatch(text)
    if match is None:
        message = (
            f"{shorten(text)} is not a duration; write a number with m, h, d or w, such as 90d"
        )
        raise argparse.ArgumentTypeError(message)
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        message = f"{shorten(text)} is not an amount in USD, such as 5 or 0.50"
        raise argparse.ArgumentTypeError(message)
    return amount
