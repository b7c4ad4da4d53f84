"""Runs of evaluations that are killed at random moments (`make crash-test`)."""
