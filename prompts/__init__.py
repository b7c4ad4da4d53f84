"""Prompts, their immutable versions, and templates to start from."""

from prompts import catalogue  # whoever imports anything here may raise its sentences

__all__ = ["catalogue"]
