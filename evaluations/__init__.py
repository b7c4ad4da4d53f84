"""Evaluations of prompt versions over test suites."""

from evaluations import catalogue  # whoever imports anything here may raise its sentences

__all__ = ["catalogue"]
