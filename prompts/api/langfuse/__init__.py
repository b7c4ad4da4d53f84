"""Langfuse's prompt API: their clients work with AutoForge by changing the host.

The formats are Langfuse's (public API, October 2026), measured with its Python and JavaScript SDKs.
"""

from prompts.api.langfuse.views import urlpatterns

__all__ = ["urlpatterns"]
