"""Prompts of AutoForge in Python programs: cached, typed, usable while the server is away.

from autoforge_client import AutoForge

client = AutoForge()  # AUTOFORGE_URL and AUTOFORGE_API_KEY
prompt = client.get_prompt("support/reply")
text = prompt.compile(name="Aiko")
"""

from autoforge_client.client import AsyncAutoForge, AutoForge
from autoforge_client.errors import (
    AuthenticationError,
    AutoForgeError,
    CompileError,
    Conflict,
    ConnectionFailed,
    FieldError,
    Forbidden,
    InvalidAnswer,
    InvalidRequest,
    LimitReached,
    NotFound,
    ProblemError,
    Unavailable,
)
from autoforge_client.models import (
    Caller,
    Diff,
    DiffRow,
    LabelItem,
    Message,
    Prompt,
    PromptSummary,
    Rendered,
    VersionSummary,
)

__all__ = [
    "AsyncAutoForge",
    "AuthenticationError",
    "AutoForge",
    "AutoForgeError",
    "Caller",
    "CompileError",
    "Conflict",
    "ConnectionFailed",
    "Diff",
    "DiffRow",
    "FieldError",
    "Forbidden",
    "InvalidAnswer",
    "InvalidRequest",
    "LabelItem",
    "LimitReached",
    "Message",
    "NotFound",
    "ProblemError",
    "Prompt",
    "PromptSummary",
    "Rendered",
    "Unavailable",
    "VersionSummary",
]
