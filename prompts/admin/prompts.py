"""Prompts in the admin: the list, the editor, and the tabs below it."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import CharField, F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin import SoftDeleteAdmin, StateFilter, map_fields
from core.aggregates import JSONGroupArray
from prompts import extensions, selectors, services
from prompts.admin.bulk import PROMPT_ACTIONS
from prompts.admin.cells import WORKSHOP_MEDIA, chips, label_chips, sparkline
from prompts.admin.conflicts import describe_conflict
from prompts.admin.consequences import describe_labels
from prompts.admin.folders import FolderFilter
from prompts.admin.importing import ImportPage
from prompts.admin.pages import PromptPages
from prompts.admin.reading import content_as_html
from prompts.forms import PromptForm
from prompts.models import LabelRule, Prompt, PromptEvent, PromptLabel
from prompts.naming import LATEST
from prompts.search import MOST_MATCHES, excerpt, highlight, matching, split_words

__all__ = ["PromptAdmin"]

VERSIONS_SHOWN: Final = 50
EVENTS_SHOWN: Final = 100
SCORES_SHOWN: Final = 12
STATUS_COLOURS: Final = {"draft": "info", "active": "success", "archived": "warning"}
# Beside the form, not in it: what else the page shows of a prompt.
WRITING: Final = (
    "title",
    "name",
    "description",
    ("kind", "syntax"),
    "content",
    "variables",
    "config",
    "change_note",
    "expected_version",
    "expected_updated",
)
NOT_READ: Final = ("change_note", "expected_version", "expected_updated")


@admin.register(Prompt)
class PromptAdmin(PromptPages, ImportPage, SoftDeleteAdmin):
    """Prompts; each change of wording makes a version."""

    form = PromptForm
    list_display = (
        "shown_title",
        "shown_status",
        "shown_labels",
        "shown_scores",
        "shown_tags",
        "user_id",
        "updated_at",
    )
    list_filter = (StateFilter, FolderFilter, "status")
    linked_lookups = ("folder",)  # of the page of folders
    search_fields = ("title",)  # shows the search box; `get_search_results` searches
    search_help_text = _("Searches the title, name, text, tags and description.")
    readonly_fields = ("created_at", "updated_at")
    actions = PROMPT_ACTIONS
    change_list_template = "admin/prompts/prompt/change_list.html"
    change_form_outer_after_template = "admin/prompts/prompt/tabs.html"
    fieldsets = (
        (None, {"fields": WRITING}),
        (
            _("Details"),
            {"fields": ("status", "tags", "user_id", "metadata", "created_at", "updated_at")},
        ),
    )

    Media = WORKSHOP_MEDIA

    # The list

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prompt]:
        """Take labels and scores along: a list of any length is one query."""
        queryset: QuerySet[Prompt] = super().get_queryset(request)
        standing = Concat(
            Cast(F("version__number"), CharField()),
            Value(" "),
            F("name"),
            output_field=CharField(),
        )
        labels = (
            PromptLabel.objects.order_by()
            .filter(prompt=OuterRef("pk"))
            .values("prompt")
            .annotate(standing=JSONGroupArray(standing))
            .values("standing")
        )
        queryset = queryset.annotate(label_list=Subquery(labels))
        scores = extensions.score_source()
        if scores is not None:
            queryset = queryset.annotate(score_list=scores)
        return queryset

    def get_search_results(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        search_term: str,
    ) -> tuple[QuerySet[Any], bool]:
        """Search by the full-text index; the best match comes first."""
        return matching(queryset, search_term), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Tell each row which words were looked for."""
        changelist = super().get_changelist_instance(request)
        if changelist.query and changelist.result_count >= MOST_MATCHES and request.method == "GET":
            text = _(
                "At least %(count)s prompts match; the newest are shown. Add a word to "
                "narrow the search."
            )
            messages.warning(request, text % {"count": f"{MOST_MATCHES:,}"})
        for prompt in changelist.result_list:
            prompt.searched = split_words(changelist.query)
        return changelist

    @display(description=_("title"), ordering="title")
    def shown_title(self, obj: Prompt) -> SafeString:
        """Return the title and, after a search, the place that was found."""
        words = getattr(obj, "searched", [])
        if not words:
            below = obj.description or obj.name
            return format_html('{}<span class="wk-below">{}</span>', obj.title, below[:120])
        passage = highlight(excerpt(obj.content, words), words)
        return format_html(
            '{}<span class="wk-below">{}</span>', highlight(obj.title, words), passage
        )

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def shown_status(self, obj: Prompt) -> tuple[str, str]:
        """Return the status as a coloured label."""
        return obj.status, obj.get_status_display()

    @display(description=_("labels"))
    def shown_labels(self, obj: Prompt) -> SafeString | str:
        """Return each label with the number of its version."""
        return label_chips([*_labels(obj), (LATEST, obj.current_version)])

    @display(description=_("scores"))
    def shown_scores(self, obj: Prompt) -> SafeString | str:
        """Return the latest scores as a line."""
        dated = sorted(getattr(obj, "score_list", None) or [])  # each is "time|score"
        scores = []
        for text in dated[-SCORES_SHOWN:]:
            _time, _bar, score = text.rpartition("|")
            scores.append(float(score))
        return sparkline(scores)

    @display(description=_("tags"))
    def shown_tags(self, obj: Prompt) -> SafeString | str:
        """Return the tags."""
        return chips(obj.tags)

    # The editor and the tabs

    def get_fieldsets(self, request: HttpRequest, obj: object = None) -> Any:
        """Leave out what a reader has no use for."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return map_fields(fieldsets, lambda name: None if name in NOT_READ else name)

    @cached_property
    def readers(self) -> dict[str, Any]:
        """Show a chat as its messages."""
        return super().readers | {"content": content_as_html}

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Add what the tabs show of a prompt that is saved."""
        prompt = kwargs.get("obj")
        if prompt is not None:
            context.update(self._tabs(request, prompt))
            context["conflict"] = describe_conflict(context["adminform"].form)
        return super().render_change_form(request, context, *args, **kwargs)

    def _tabs(self, request: HttpRequest, prompt: Prompt) -> dict[str, object]:
        labels = sorted(_labels(prompt))
        rules = {rule.label: rule for rule in LabelRule.objects.all()}
        # Without the texts: of many versions they are megabytes, and the tab shows none.
        history = selectors.list_versions(prompt.pk).defer(
            "content", "variables", "config", "includes"
        )
        versions = list(history[:VERSIONS_SHOWN])
        names_by_version: dict[int, list[str]] = {prompt.current_version: [LATEST]}
        for name, number in labels:
            names_by_version.setdefault(number, []).append(name)
        for version in versions:
            chips_of_version = [
                (name, version.number) for name in names_by_version.get(version.number, [])
            ]
            version.shown_labels = label_chips(chips_of_version)  # type: ignore[attr-defined]  # for the template
        refused = request.session.get("gate_refused", {})
        if refused.get("prompt") == str(prompt.pk):
            del request.session["gate_refused"]
        else:
            refused = {}
        names = {"production", "staging", *rules}
        names.update(name for name, _number in labels)
        panels = []
        for panel in extensions.panels():
            html = panel.render(request, prompt.pk)
            panels.append({"name": panel.name, "title": panel.title, "html": html})
        return {
            "prompt": prompt,
            "labels": [(name, number, rules.get(name)) for name, number in labels],
            "label_names": sorted(names),
            "versions": versions,
            "timeline": list(PromptEvent.objects.filter(prompt=prompt)[:EVENTS_SHOWN]),
            "panels": panels,
            "mover": services.Actor.from_user(request.user),
            "can_change": self.has_change_permission(request, prompt),
            "can_restore": prompt.is_deleted and request.user.has_perm("prompts.change_prompt"),
            "refused": refused,
        }

    # Writes

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or edit through the service."""
        values = {name: form.cleaned_data[name] for name in PromptForm.Meta.fields}
        common = {
            "author": request.user.get_username(),
            "change_note": form.cleaned_data["change_note"],
        }
        if change:
            saved = services.edit_prompt(
                prompt_id=obj.pk,
                expected_version=form.cleaned_data["expected_version"],
                **common,
                **values,
            )
        else:
            saved = services.create_prompt(**common, **values)
            obj.pk = saved.pk
        # Django goes on with this instance (its log, its messages), not with that of the service.
        obj.current_version = saved.current_version
        obj._state.adding = False

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Put it into the trash."""
        services.delete_prompt(prompt_id=obj.pk, actor=request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Put them into the trash, each with its event."""
        keys = queryset.order_by().values_list("pk", flat=True)
        services.delete_prompts(keys, actor=request.user.get_username())

    def describe_deletion(self, rows: QuerySet[Any]) -> list[str]:
        """Say which labels stand at the prompts, and what programs will see."""
        return [*describe_labels(rows), *super().describe_deletion(rows)]

    def has_label_permission(self, request: HttpRequest) -> bool:
        """Whether the user may move labels."""
        return request.user.has_perm("prompts.move_label")

    def has_purge_permission(self, request: HttpRequest) -> bool:
        """Whether the user may remove deleted prompts for good."""
        return request.user.has_perm("prompts.purge_prompt")

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Refuse those who may not see prompts before anything is looked up."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return super().history_view(request, object_id, extra_context)


def _labels(prompt: Prompt) -> list[tuple[str, int]]:
    """Return the labels that the list's query brought along."""
    labels = []
    for text in getattr(prompt, "label_list", None) or []:
        number, name = text.split(" ", 1)
        labels.append((name, int(number)))
    return labels
