"""Django's settings in the tests: a database that nobody asks, as each test opens its own."""

import os

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = os.urandom(16).hex()
TIME_ZONE = "UTC"
USE_TZ = True
