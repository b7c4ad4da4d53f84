"""The ground: what both apps stand on, and no domain. It imports nothing that lies above it."""

from core import catalogue  # whoever imports anything here may raise its sentences

__all__ = ["catalogue"]
