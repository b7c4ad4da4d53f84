"""`manage.py health_token`: a token for `/health/report`."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from autoforge.health import tokens
from core.exit_status import NOT_ASKED


class Command(BaseCommand):
    """Print a token."""

    help = "Prints a token for /health/report."
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        """Print the token alone, so that a script can take it; say on stderr how long it lives."""
        if not settings.JWT_SECRET_KEY:
            raise CommandError(
                "JWT_SECRET_KEY is not set; tokens are signed with it, so set it first.",
                returncode=NOT_ASKED,
            )
        token, ends = tokens.issue()
        self.stdout.write(token)
        self.stderr.write(f"Valid until {ends:%Y-%m-%d %H:%M} UTC; send it as a Bearer token.")
