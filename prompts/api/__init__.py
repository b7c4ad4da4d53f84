"""Prompts over HTTP: what `autoforge.api` mounts under /api/v1."""

from prompts.api.routes import ROUTES

__all__ = ["ROUTES"]
