"""The admin's forms of prompts and templates."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from core.admin import (
    DocumentFormField,
    ExactTextFormField,
    ModelForm,
    NamedForm,
    TagsFormField,
)
from core.errors import InvalidInputError
from core.json import is_same
from prompts import services
from prompts.models import Prompt, PromptTemplate

__all__ = ["TAKE_OVER", "PromptForm", "TemplateForm", "template_fields"]

TAKE_OVER = "_take_over"  # a button of the page that shows a conflict: version and time it showed
NEW_SYNTAX = Prompt.Syntax.MUSTACHE  # of what is written here; the services default to plain


class PromptForm(ModelForm):
    """Edits a prompt; another wording needs no more than that: the service makes the version."""

    content = ExactTextFormField(label=_("Content"))
    variables = DocumentFormField(
        label=_("Variables"),
        empty=[],
        help_text=_("The variables of the prompt. The editor below fills this in."),
    )
    config = DocumentFormField(
        label=_("Configuration"),
        empty={},
        help_text=_(
            "The model and parameters that the text is meant for: a JSON object, such as "
            '{"model": "…", "temperature": 0.2}. Saved with the version.'
        ),
    )
    tags = TagsFormField(label=_("Tags"), required=False, help_text=_("Comma-separated."))
    metadata = DocumentFormField(
        label=_("Metadata"), empty={}, help_text=_('A JSON object, such as {"source": "book"}.')
    )
    change_note = forms.CharField(
        label=_("Change note"),
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Why the content was changed; saved with the new version."),
    )
    expected_version = forms.IntegerField(required=False, widget=forms.HiddenInput())
    expected_updated = forms.CharField(required=False, widget=forms.HiddenInput())
    conflict: Prompt | None = None
    """What somebody else saved since this edit began, where that is not what is sent."""

    class Meta:
        model = Prompt
        fields = (
            "title",
            "name",
            "description",
            "kind",
            "syntax",
            "content",
            "variables",
            "config",
            "status",
            "tags",
            "user_id",
            "metadata",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and not self.instance._state.adding:
            self.initial["expected_version"] = self.instance.current_version
            self.initial["expected_updated"] = self.instance.updated_at.isoformat()
            cast("ExactTextFormField", self.fields["content"]).stored = self.instance.content
        elif "syntax" in self.fields:
            self.initial.setdefault("syntax", NEW_SYNTAX)
        if "title" in self.fields:
            cast("forms.CharField", self.fields["title"]).strip = False
        if "name" in self.fields:
            self.fields["name"].required = False
            self.fields["name"].help_text = _(
                "Identifier used in code. Leave blank to generate it from the title."
            )
        if "description" in self.fields:
            self.fields["description"].widget = UnfoldAdminTextareaWidget(attrs={"rows": 2})

    def clean_name(self) -> str:
        """Refuse a name that is taken; an empty one stays as it was, or the service makes one."""
        name = str(self.cleaned_data.get("name") or self.instance.name)
        taken = Prompt.objects.filter(name=name).exclude(pk=self.instance.pk)
        if name and taken.exists():
            raise forms.ValidationError(_("A prompt with this name already exists."), code="unique")
        return name

    def _get_validation_exclusions(self) -> set[str]:
        # An empty name is not the model's business: the service makes one.
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # Django's own
        if not self.cleaned_data.get("name"):
            excluded.add("name")
        return excluded

    def clean(self) -> dict[str, Any]:
        """Refuse a stale edit and a broken contract; what was typed stays here."""
        cleaned = super().clean() or self.cleaned_data
        self._refuse_stale(cleaned)
        self._check_contract(cleaned)
        return cleaned

    def _refuse_stale(self, cleaned: dict[str, object]) -> None:
        """Refuse to write over what nobody has seen; `TAKE_OVER` says what somebody has seen."""
        seen_version, _space, seen_updated = str(self.data.get(TAKE_OVER, "")).partition(" ")
        if seen_version.isdecimal():
            # Nine digits: more than any prompt has versions, and no number grows without end.
            cleaned["expected_version"] = int(seen_version[:9])
            cleaned["expected_updated"] = seen_updated
        began = cleaned.get("expected_version")
        updated = cleaned.get("expected_updated")
        if not began:
            return  # a new prompt
        newest = Prompt.all_objects.filter(pk=self.instance.pk).first()
        if newest is None:
            return
        is_stale = began != newest.current_version
        is_changed = bool(updated) and updated != newest.updated_at.isoformat()
        if is_stale:
            text = _(
                "Someone else saved version %(newest)d while you were editing version "
                "%(began)d. Nothing is lost: both texts are below."
            )
        elif is_changed and self._differs(cleaned, newest):
            text = _(
                "Someone else changed this prompt while you were editing it. Nothing is "
                "lost: the differences are below."
            )
        else:
            return  # nothing changed since, or to what is sent anyway
        self.conflict = newest
        params = {"newest": newest.current_version, "began": began}
        raise forms.ValidationError(text, code="stale", params=params)

    def _differs(self, cleaned: dict[str, object], newest: Prompt) -> bool:
        for name in PromptForm.Meta.fields:
            value = cleaned.get(name)
            if not is_same(value, getattr(newest, name)):
                return True
        return False

    def _check_contract(self, cleaned: dict[str, object]) -> None:
        wording: dict[str, Any] = {}
        for name in ("kind", "syntax", "content", "variables"):
            if cleaned.get(name) is None:
                return  # it has a fault of its own, which is shown; a contract needs all four
            wording[name] = cleaned[name]
        report = services.examine(**wording, prompt_id=self.instance.pk)
        try:
            services.refuse_problems(report.problems)
        except InvalidInputError as error:
            for field, text in error.messages.items():
                self.add_error(field, text)


class TemplateForm(NamedForm):
    """Edits a template."""

    content = ExactTextFormField(label=_("Content"))
    parameters = DocumentFormField(
        label=_("Parameters"),
        empty=[],
        help_text=_('A JSON list, such as [{"name": "tone", "required": true}].'),
    )

    class Meta:
        model = PromptTemplate
        fields = ("name", "category", "content", "parameters")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("ExactTextFormField", self.fields["content"]).stored = self.instance.content

    def clean(self) -> dict[str, Any]:
        """Refuse a content and parameters that do not fit each other."""
        cleaned = super().clean() or self.cleaned_data
        if "content" in cleaned and "parameters" in cleaned:
            try:
                services.check_template(cleaned["content"], cleaned["parameters"])
            except InvalidInputError as error:
                for field, text in error.messages.items():
                    self.add_error(field, text)
        return cleaned


def template_fields(template: PromptTemplate) -> type[forms.Form]:
    """Return the form that asks for a template's parameters, and for the prompt's title."""
    fields: dict[str, Any] = {
        "title": forms.CharField(
            label=_("Title"),
            max_length=255,
            initial=template.name,
            widget=UnfoldAdminTextInputWidget(),
            help_text=_("Title of the new prompt."),
        )
    }
    parameters: Any = template.parameters
    for parameter in parameters:
        # A row from before parameters were checked may hold anything.
        if isinstance(parameter, dict) and parameter.get("name"):
            name = parameter["name"]
            fields[f"value_{name}"] = _build_parameter_field(parameter)
    return type("ParametersForm", (forms.Form,), fields)


def _build_parameter_field(parameter: dict[str, object]) -> forms.Field:
    common: dict[str, Any] = {
        "label": parameter["name"],
        "required": False,
        "help_text": parameter.get("description") or "",
        "initial": parameter.get("default"),
    }
    if parameter.get("type") == "boolean":
        choices = [("", "–"), ("true", _("Yes")), ("false", _("No"))]
        return forms.ChoiceField(**common, choices=choices, widget=UnfoldAdminSelectWidget())
    return forms.CharField(
        **common, strip=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )
