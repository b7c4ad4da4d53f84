"""Settings of simple-history's tests, which its runtests.py makes before it runs them."""

from runtests import DEFAULT_SETTINGS

globals().update(DEFAULT_SETTINGS)
DATABASES = {"default": {}, "other": {}}
