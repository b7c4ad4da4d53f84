"""Evaluations of prompt versions over test suites."""
