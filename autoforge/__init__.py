"""The roof: environment, settings, the admin site, health, operations, URLs."""

import sys
from pathlib import Path

# The one place: the package's metadata and the release workflow read it here.
__version__ = "0.1.0"

# In a checkout, the libSQL backend lies beside us, and every way in (manage.py, gunicorn, a worker)
# reads this file first. Where AutoForge is installed, the backend is in site-packages already.
_PACKAGES = Path(__file__).resolve().parent.parent / "packages" / "django-hrana" / "src"
if _PACKAGES.is_dir() and str(_PACKAGES) not in sys.path:
    sys.path.append(str(_PACKAGES))
