"""Prompts and runs of AutoForge in Python programs; prompts also while the server is away."""

from autoforge_client.client import *  # noqa: F403 (what each module lists in `__all__`)
from autoforge_client.errors import *  # noqa: F403
from autoforge_client.models import *  # noqa: F403
