"""Django's backend for libSQL servers (`ENGINE = "django_hrana"`); its driver is `driver`."""

# The one place: the package's metadata reads it here.
__version__ = "0.1.0"
