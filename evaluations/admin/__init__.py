"""The admin of evaluations: suites and cases, runs, single results, model profiles, gates."""

from evaluations.admin import profiles, records, runs, suites

__all__ = ["profiles", "records", "runs", "suites"]
