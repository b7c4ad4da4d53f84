"""The tables as the team names them."""

TABLES = {
    "prompts",
    "prompt_versions",
    "prompt_templates",
    "evaluations",
    "test_results",
    "test_suites",
    "test_cases",
}
