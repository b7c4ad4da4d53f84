"""The project: environment, settings, database backends, cache, health, URLs."""

__version__ = "0.1.0"
