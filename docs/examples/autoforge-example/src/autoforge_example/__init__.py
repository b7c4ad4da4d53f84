"""A scorer and a provider for AutoForge; see the entry points in pyproject.toml."""
