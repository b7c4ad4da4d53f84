"""Suites, runs, model profiles and release gates over HTTP: what `autoforge.api` mounts."""

from evaluations.api.routes import ROUTES

__all__ = ["ROUTES"]
