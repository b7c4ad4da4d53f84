"""Gather the static files as staging and production serve them, without any of their secrets.

The image is built before it knows where it will run, so this run has a throw-away key and no
database.
"""

import os
import secrets
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main() -> int:
    """Run collectstatic; return 0."""
    os.environ.update(
        APP_ENV="production",
        DJANGO_SETTINGS_MODULE="autoforge.settings",
        DATABASE_URL="sqlite://:memory:",
        SECRET_KEY=secrets.token_urlsafe(60),
    )
    import django  # needs the lines above
    from django.core.management import call_command

    django.setup()
    call_command("collectstatic", interactive=False, clear=True, verbosity=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
