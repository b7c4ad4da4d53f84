"""What hangs on one prompt: the live preview, comparisons, labels, the trash."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core import diffing
from core.errors import ApplicationError
from core.json import is_same
from prompts import services
from prompts.admin.folders import FolderPage
from prompts.admin.reading import content_as_text
from prompts.models import WORDING_FIELDS, LabelRule, Prompt, PromptVersion
from prompts.preview import preview

Change = Callable[[Prompt], str | Promise]  # changes a prompt and returns the sentence that says so

__all__ = ["PromptPages"]

LONGEST_BODY = 16_000_000  # bytes of what the editor sends; images as data among them


class PromptPages(FolderPage):
    """Pages beside the change form; mixed into the admin of prompts."""

    def get_urls(self) -> list[Any]:
        """Add the pages."""
        pages = (
            ("preview/", self.preview, "preview"),
            ("folders/", self.show_folders, "folders"),
            ("<uuid:key>/diff/", self.diff, "diff"),
            ("<uuid:key>/restore-version/", self.restore_version, "restore_version"),
            ("<uuid:key>/move-label/", self.move_label, "move_label"),
            ("<uuid:key>/roll-back-label/", self.roll_back_label, "roll_back_label"),
            ("<uuid:key>/remove-label/", self.remove_label, "remove_label"),
            ("<uuid:key>/status/", self.change_status, "status"),
            ("<uuid:key>/restore/", self.restore_from_trash, "restore"),
        )
        urls = []
        for route, page, name in pages:
            view = self.admin_site.admin_view(page)
            urls.append(path(route, view, name=f"prompts_prompt_{name}"))
        return urls + super().get_urls()  # before Django's, which take any text for a key

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Answer the editor: problems, proposals and the rendered text, as JSON."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        if request.method != "POST" or len(request.body) > LONGEST_BODY:
            return JsonResponse({"error": "POST up to 16 MB of JSON"}, status=400)
        try:
            sent = json.loads(request.body)
            return JsonResponse(preview(sent))
        except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
            return JsonResponse({"error": "the request cannot be read"}, status=400)

    def diff(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Compare two versions."""
        prompt = self._prompt(request, key)
        versions = list(
            prompt.versions.order_by("-number").defer("content", "variables", "config", "includes")
        )
        numbers = [version.number for version in versions]
        left = _read_number(request, "from", max(numbers[0] - 1, 1))
        right = _read_number(request, "to", numbers[0])
        # The list above leaves out the texts: of a long history they are megabytes.
        with_texts = prompt.versions.filter(number__in=(left, right))
        compared = {version.number: version for version in with_texts}
        if left not in compared or right not in compared:
            self.message_user(request, _("This version does not exist."), messages.ERROR)
            return redirect("admin:prompts_prompt_change", key)
        before, after = compared[left], compared[right]
        inline = request.GET.get("view") == "inline"
        whole = request.GET.get("context") == "all"
        rows = diffing.compare(
            content_as_text(before.kind, before.content),
            content_as_text(after.kind, after.content),
            context=None if whole else diffing.CONTEXT,
        )
        context = {
            **self.admin_site.each_context(request),
            "title": _("Versions %(left)d and %(right)d") % {"left": left, "right": right},
            "opts": self.opts,
            "prompt": prompt,
            "versions": versions,
            "left": before,
            "right": after,
            "rows": rows,
            "contract": _contract_changes(before, after),
            "inline": inline,
            "whole": whole,
            "can_change": self.has_change_permission(request, prompt),
        }
        return TemplateResponse(request, "admin/prompts/prompt/diff.html", context)

    def restore_version(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Make an old version current, as a new one."""

        def restore(prompt: Prompt) -> str | Promise:
            edited = services.restore_version(
                prompt_id=prompt.pk,
                number=_read_number(request, "number", 0),
                author=request.user.get_username(),
            )
            return _("“%(title)s” is now at version %(number)d.") % {
                "title": edited.title,
                "number": edited.current_version,
            }

        return self._do(request, key, restore, needs="change")

    def move_label(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Let a label stand at a version."""

        def move(prompt: Prompt) -> str | Promise:
            label = request.POST.get("label", "").strip()
            standing = services.move_label(
                prompt_id=prompt.pk,
                label=label,
                number=_read_number(request, "number", prompt.current_version),
                mover=services.Actor.from_user(request.user),
                reason=request.POST.get("reason", ""),
                override="override" in request.POST,
            )
            return _("Label “%(label)s” now points to version %(number)d.") % {
                "label": label,
                "number": standing.version.number,
            }

        return self._do(request, key, move)

    def roll_back_label(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Ask, then let a label stand where it stood before."""
        prompt, label, rule = self._label(request, key)

        def roll_back(step: services.RollBack) -> str | Promise:
            standing = services.roll_back_label(
                prompt_id=prompt.pk,
                label=label,
                mover=services.Actor.from_user(request.user),
                reason=request.POST.get("reason", ""),
                # What the person agreed to: somebody else may have moved the label since.
                expected=_read_step(request) or step,
            )
            return _("Label “%(label)s” now points to version %(number)d.") % {
                "label": label,
                "number": standing.version.number,
            }

        try:
            step = services.find_roll_back(prompt_id=prompt.pk, label=label)
        except ApplicationError as error:
            self.message_user(request, str(error), messages.ERROR)
            return _back_to(prompt, "labels")
        question = {
            "title": _("Roll back “%(label)s”") % {"label": label},
            "button": _("Roll back"),
            "label": label,
            "rule": rule,
            "step": step,
            "versions": prompt.versions.filter(number__in=(step.current, step.target)),
        }
        return self._confirm(request, prompt, question, lambda: roll_back(step))

    def remove_label(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Take a label off; a protected one asks first."""
        prompt, label, rule = self._label(request, key)

        def remove() -> str | Promise:
            services.remove_label(
                prompt_id=prompt.pk,
                label=label,
                mover=services.Actor.from_user(request.user),
                reason=request.POST.get("reason", ""),
            )
            return _("Label “%(label)s” removed.") % {"label": label}

        standing = prompt.labels.filter(name=label).select_related("version").first()
        if standing is None or not rule.is_protected:
            return self._do(request, key, lambda _prompt: remove())
        question = {
            "title": _("Remove label “%(label)s”") % {"label": label},
            "button": _("Remove label"),
            "label": label,
            "rule": rule,
            "standing": standing,
        }
        return self._confirm(request, prompt, question, remove)

    def _label(self, request: HttpRequest, key: UUID) -> tuple[Prompt, str, LabelRule]:
        """Return what a question about a label is about; refuse who may not move labels."""
        prompt = self._prompt(request, key)
        if not request.user.has_perm("prompts.move_label"):
            raise PermissionDenied
        label = request.POST.get("label") or request.GET.get("label") or ""
        label = label.strip()
        rule = LabelRule.objects.filter(label=label).first()
        if rule is None:
            rule = LabelRule(label=label)  # with the defaults of the model
        return prompt, label, rule

    def _confirm(
        self,
        request: HttpRequest,
        prompt: Prompt,
        question: dict[str, object],
        change: Callable[[], str | Promise],
    ) -> HttpResponse:
        """Show a question; when it is answered, make the change. What was typed is kept."""
        problem = ""
        if request.method == "POST" and "confirmed" in request.POST:
            try:
                self.message_user(request, str(change()), messages.SUCCESS)
            except ApplicationError as error:
                problem = str(error)
            else:
                return _back_to(prompt, "labels")
        context = {
            **self.admin_site.each_context(request),
            **question,
            "opts": self.opts,
            "prompt": prompt,
            "problem": problem,
            "reason": request.POST.get("reason", ""),
        }
        return TemplateResponse(request, "admin/prompts/prompt/label_question.html", context)

    def change_status(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Archive a prompt, or take it out of the archive, or put it to use."""

        def change(prompt: Prompt) -> str | Promise:
            status = request.POST.get("status", "")
            actor = request.user.get_username()
            reason = request.POST.get("reason", "")
            if status == "unarchive":
                services.unarchive_prompts([prompt], actor=actor, reason=reason)
            else:
                services.edit_prompt(
                    prompt_id=prompt.pk, status=status, author=actor, change_note=reason
                )
            prompt.refresh_from_db(fields=["status"])
            return _("The status is now “%(status)s”.") % {"status": prompt.get_status_display()}

        return self._do(request, key, change, needs="change")

    def restore_from_trash(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Take a prompt out of the trash."""

        def restore(prompt: Prompt) -> str | Promise:
            services.restore_prompt(prompt_id=prompt.pk, actor=request.user.get_username())
            return _("“%(title)s” has been restored.") % {"title": prompt.title}

        return self._do(request, key, restore, needs="restore")

    def _prompt(self, request: HttpRequest, key: UUID) -> Prompt:
        # Before the look-up: who may not see prompts does not learn which there are.
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(Prompt.all_objects, pk=key)

    def _do(
        self, request: HttpRequest, key: UUID, change: Change, *, needs: str = "view"
    ) -> HttpResponse:
        """Run one change and say how it went, back on the prompt's page."""
        prompt = self._prompt(request, key)
        allowed = {
            "view": True,
            "change": self.has_change_permission(request, prompt),
            "restore": request.user.has_perm("prompts.change_prompt"),
        }
        if not allowed[needs]:
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return self._change(request, prompt, change)

    def _change(self, request: HttpRequest, prompt: Prompt, change: Change) -> HttpResponse:
        try:
            done = change(prompt)
        except ApplicationError as error:
            if isinstance(error, services.GateRefusedError) or "override" in request.POST:
                # The form comes back filled in, and now offers to override.
                request.session["gate_refused"] = {
                    "prompt": str(prompt.pk),
                    "label": request.POST.get("label", ""),
                    "number": request.POST.get("number", ""),
                }
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, str(done), messages.SUCCESS)
        return _back_to(prompt, request.POST.get("tab", "versions"))


def _back_to(prompt: Prompt, tab: str) -> HttpResponse:
    """Return the way back to a tab of the prompt's page."""
    response = redirect("admin:prompts_prompt_change", prompt.pk)
    if tab.isidentifier():  # it comes from the browser, and goes into a header
        response["Location"] += f"#{tab}"
    return response


def _read_step(request: HttpRequest) -> services.RollBack | None:
    """Return the roll back that the person was asked about, None where the request names none."""
    current = _read_number(request, "current", 0)
    target = _read_number(request, "target", 0)
    if not current or not target:
        return None
    return services.RollBack(current=current, target=target)


def _read_number(request: HttpRequest, name: str, default: int) -> int:
    text = request.POST.get(name) or request.GET.get(name) or ""
    # isdigit alone is true of ² too; SQLite has no integers of more than 19 digits.
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    return default


def _contract_changes(left: PromptVersion, right: PromptVersion) -> list[dict[str, Any]]:
    """Return what differs besides the content."""
    changes = []
    for name in WORDING_FIELDS:
        before, after = getattr(left, name), getattr(right, name)
        if name == "content" or is_same(before, after):
            continue
        field: Any = PromptVersion._meta.get_field(name)
        rows = diffing.compare(_as_text(before), _as_text(after))
        changes.append({"title": field.verbose_name, "rows": rows})
    return changes


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
    lines = []
    for entry in value:
        part = entry
        if "type" not in entry:  # an include, whose copy of the other prompt is long
            part = {name: entry[name] for name in entry if name in {"reference", "number"}}
        lines.append(json.dumps(part, ensure_ascii=False))
    return "\n".join(lines)
