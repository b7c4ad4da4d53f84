"""The admin of evaluations: suites and cases, runs, single results, model profiles, gates."""

from evaluations.admin import evaluations, profiles, results, runs, suites

__all__ = ["evaluations", "profiles", "results", "runs", "suites"]
