"""A gateway that speaks OpenAI's API: their clients ask prompts by name.

    {"model": "prompt:support/reply@production", "prompt_variables": {"customer": "Aiko"}}

    views ──▶ bodies (what is asked), targets (of whom), calls (asking), answers (their shapes)

The formats are OpenAI's (chat completions, November 2026), measured with its Python package.
"""

from evaluations.api.openai.views import urlpatterns

__all__ = ["urlpatterns"]
