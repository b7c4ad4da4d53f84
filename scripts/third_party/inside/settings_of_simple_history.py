"""Settings of simple-history's tests, which its runtests.py makes before it runs them."""

from typing import Any

from runtests import DEFAULT_SETTINGS  # type: ignore[import-not-found]  # in the suite's folder

globals().update(DEFAULT_SETTINGS)
DATABASES: dict[str, dict[str, Any]] = {"default": {}, "other": {}}
