"""The roof: environment, settings, the admin site, health, operations, URLs."""

# The one place: the package's metadata and the release workflow read it here.
__version__ = "0.1.0"
