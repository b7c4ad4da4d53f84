"""`migrate_safely`, killed at random moments (`make crash-migrate`)."""
