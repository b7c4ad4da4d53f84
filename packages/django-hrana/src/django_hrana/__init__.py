"""Django's backend for libSQL servers (`ENGINE = "django_hrana"`); its driver is `driver`."""
