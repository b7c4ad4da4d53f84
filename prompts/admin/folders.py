"""The folders that the names of prompts have: a page that shows them as a tree, and a filter."""

from dataclasses import dataclass, field
from typing import Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from core.admin import Admin
from prompts import selectors
from prompts.models import Prompt
from prompts.naming import FOLDER, validate_name

__all__ = ["FolderFilter", "FolderPage"]

MOST_NAMES: Final = 10_000  # that the tree is made of


@dataclass(kw_only=True, slots=True)
class Folder:
    """A folder of the tree, as the page shows it."""

    name: str
    """Its own part of the names."""
    path: str
    """With the folders above it."""
    count: int = 0
    """Prompts in it and in those below it."""
    folders: dict[str, "Folder"] = field(default_factory=dict)
    """Those below it, by name."""

    @property
    def children(self) -> list["Folder"]:
        """Those below it, in their order."""
        return [self.folders[name] for name in sorted(self.folders)]


class FolderFilter(admin.SimpleListFilter):
    """Prompts in a folder and in those below it.

    It shows once a folder is chosen, on the page of all folders: a list would pay a round trip more
    to offer them itself.
    """

    title = _("folder")
    parameter_name = "folder"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return the chosen folder and those above it."""
        parts = (self.value() or "").split(FOLDER)
        paths = [FOLDER.join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        return [(path, path) for path in paths if path]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> QuerySet[Prompt]:
        """Return the prompts of the chosen folder."""
        folder = self.value()
        if folder is None:
            return queryset
        try:
            validate_name(folder)
        except ValidationError:
            return queryset.none()  # no prompt can be in it
        return queryset.filter(name__startswith=f"{folder}{FOLDER}")


class FolderPage(Admin):
    """The page of all folders; mixed into the admin of prompts."""

    def show_folders(self, request: HttpRequest) -> HttpResponse:
        """Show every folder with how many prompts are in it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        names = selectors.list_names_in_folders(MOST_NAMES + 1)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Folders"),
            "opts": self.opts,
            "folders": _build_tree(names[:MOST_NAMES]).children,
            "limit": MOST_NAMES if len(names) > MOST_NAMES else None,
        }
        return TemplateResponse(request, "admin/prompts/prompt/folders.html", context)


def _build_tree(names: list[str]) -> Folder:
    root = Folder(name="", path="")
    for name in names:
        folder = root
        for part in name.split(FOLDER)[:-1]:
            path = f"{folder.path}{FOLDER}{part}" if folder.path else part
            folder = folder.folders.setdefault(part, Folder(name=part, path=path))
            folder.count += 1
    return root
