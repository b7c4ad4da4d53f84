"""Start the application inside a server, or stop the server with one sentence.

Left to others: reading the environment (`autoforge.environment`), the server's own settings
(`gunicorn.conf.py`).
"""

import logging
import sys

from autoforge.packages import explain_missing

__all__ = ["load_application"]

# gunicorn stops for good, instead of starting the worker again, when one exits with this status
# (gunicorn.arbiter.Arbiter.APP_LOAD_ERROR).
APP_LOAD_ERROR = 4


def load_application(factory: str) -> object:
    """Return the WSGI or ASGI application that `factory` ("module:name") makes.

    Raises:
        SystemExit: the environment or the settings are wrong, or a package is missing; the
            sentence is in the log.
    """
    try:
        return _load(factory)
    except ModuleNotFoundError as error:
        sentence = explain_missing(error)
        if sentence is None:
            raise
    except Exception as error:
        # Its class cannot be named before Django is there, which may be what is missing.
        if not _is_configuration(error):
            raise
        sentence = explain_missing(error) or f"Configuration error: {error}"
    logging.getLogger("gunicorn.error").critical("%s", sentence)
    sys.exit(APP_LOAD_ERROR)


def _load(factory: str) -> object:
    from django.core.cache import caches
    from django.urls import get_resolver
    from django.utils.module_loading import import_string

    application: object = import_string(factory.replace(":", "."))()
    caches["default"]  # its package may be missing: every page would fail
    # Read before there are workers, not by the first request of each.
    get_resolver().url_patterns  # noqa: B018 (it is read by being asked for)
    return application


def _is_configuration(error: Exception) -> bool:
    from django.core.exceptions import ImproperlyConfigured

    return isinstance(error, ImproperlyConfigured)
