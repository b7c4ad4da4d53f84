"""The admin of evaluations: suites, cases, runs, results, model profiles, gates, records."""

from evaluations.admin import evaluations, profiles, records, results, runs, suites

__all__ = ["evaluations", "profiles", "records", "results", "runs", "suites"]
