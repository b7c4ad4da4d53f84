"""What writes evaluations: suites, runs and their planning, results, profiles, gates, the store."""
