"""Is the product well? Probes, `check_health`, `/health/`."""
