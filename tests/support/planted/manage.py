"""AutoForge's manage.py with the app of this folder: `python manage.py COMMAND`, PLANTED=good."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "packages" / "django-hrana" / "src")]


def main() -> int:
    """Run the command."""
    from django.conf import settings

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autoforge.settings")
    name = os.environ["PLANTED"]
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "tests.support.planted"]
    settings.MIGRATION_MODULES = {"planted": f"tests.support.planted.{name}.migrations"}
    from autoforge.command_line import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
