"""Every write to the tables of webhooks."""
