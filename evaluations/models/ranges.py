"""Ranges of numbers that several tables share."""

from django.core.validators import MaxValueValidator, MinValueValidator

__all__ = ["SCORE_RANGE"]

SCORE_RANGE = (MinValueValidator(0.0), MaxValueValidator(1.0))
