"""Where each operation on prompts stands below /api/v1.

A prompt's name has folders, so what belongs to a prompt stands behind `/-/`, which no name holds:
`prompts/support/reply/-/versions` can be no prompt of its own.
"""

from django.urls import register_converter
from dmr.routing import path

from prompts.api import labels, prompts, rendering, versions

__all__ = ["ROUTES"]


class NameConverter:
    """A prompt's name with its folders; what stands behind `/-/` is no part of it."""

    regex = r"(?:(?!/-/).)+"

    def to_python(self, value: str) -> str:
        """Return the name."""
        return value

    def to_url(self, value: str) -> str:
        """Return the name."""
        return value


register_converter(NameConverter, "prompt")
ONE = "prompts/<prompt:name>"

ROUTES = [
    # The one that programs ask most stands first: each address above it costs a match.
    path(ONE, prompts.OnePrompt.as_view(), name="prompt"),
    path("prompts", prompts.Prompts.as_view(), name="prompts"),
    path("preview", rendering.Preview.as_view(), name="preview"),
    path("trash/prompts", prompts.Trash.as_view(), name="trash"),
    path("trash/prompts/<uuid:id>", prompts.TrashedPrompt.as_view(), name="trashed-prompt"),
    path(f"{ONE}/-/versions", versions.Versions.as_view(), name="versions"),
    path(f"{ONE}/-/versions/<int:number>", versions.OneVersion.as_view(), name="version"),
    path(
        f"{ONE}/-/versions/<int:number>/restore",
        versions.RestoredVersion.as_view(),
        name="restored-version",
    ),
    path(f"{ONE}/-/diff", versions.Diff.as_view(), name="diff"),
    path(f"{ONE}/-/render", rendering.Render.as_view(), name="render"),
    path(f"{ONE}/-/events", labels.Events.as_view(), name="events"),
    path(f"{ONE}/-/labels", labels.Labels.as_view(), name="labels"),
    path(f"{ONE}/-/labels/<str:label>", labels.OneLabel.as_view(), name="label"),
    path(
        f"{ONE}/-/labels/<str:label>/roll-back",
        labels.RolledBackLabel.as_view(),
        name="rolled-back-label",
    ),
    path(
        f"{ONE}/-/labels/<str:label>/history", labels.LabelHistory.as_view(), name="label-history"
    ),
]
