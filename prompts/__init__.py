"""Prompts, their immutable versions, and templates to start from."""
