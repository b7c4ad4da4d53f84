"""Start the application inside a server, or stop the server with one sentence.

Left to others: reading the environment (`autoforge.environment`), the server's own settings
(`gunicorn.conf.py`).
"""

import logging
import sys

from django.core.exceptions import ImproperlyConfigured
from django.urls import get_resolver
from django.utils.module_loading import import_string

__all__ = ["load_application"]

# gunicorn stops for good, instead of starting the worker again, when one exits with this status
# (gunicorn.arbiter.Arbiter.APP_LOAD_ERROR).
APP_LOAD_ERROR = 4


def load_application(factory: str) -> object:
    """Return the WSGI or ASGI application that `factory` ("module:name") makes.

    Raises:
        SystemExit: the environment or the settings are wrong; the sentence is in the log.
    """
    try:
        application = import_string(factory.replace(":", "."))()
        # Read before there are workers, not by the first request of each.
        get_resolver().url_patterns  # noqa: B018 (it is read by being asked for)
        return application
    except ImproperlyConfigured as error:
        logging.getLogger("gunicorn.error").critical("Configuration error: %s", error)
        sys.exit(APP_LOAD_ERROR)
