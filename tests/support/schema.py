"""The tables as the team names them."""

TABLES = {
    "prompts",
    "prompt_versions",
    "prompt_templates",
    "prompt_labels",
    "prompt_label_rules",
    "prompt_events",
    "evaluations",
    "test_results",
    "test_suites",
    "test_cases",
    "evaluation_runs",
    "evaluation_run_cases",
    "call_records",
    "key_spending",
    "model_profiles",
    "release_gates",
    "gate_events",
    "ratings",
    "webhook_endpoints",
    "webhook_deliveries",
}
