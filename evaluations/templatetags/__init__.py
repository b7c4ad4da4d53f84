"""Filters for templates of evaluations."""
