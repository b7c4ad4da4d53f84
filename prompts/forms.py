"""The admin's forms of prompts and templates."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from autoforge.core.admin import (
    DocumentFormField,
    ExactTextFormField,
    NamedForm,
    TagsFormField,
)
from prompts.models import Prompt, PromptTemplate

__all__ = ["PromptForm", "TemplateForm"]


class PromptForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """Edits a prompt; another content needs no more than that: the service makes the version."""

    content = ExactTextFormField(label=_("Content"))
    tags = TagsFormField(
        label=_("Tags"), required=False, help_text=_("Words with commas between them.")
    )
    metadata = DocumentFormField(
        label=_("Metadata"), empty={}, help_text=_('A JSON object, such as {"source": "book"}.')
    )
    change_note = forms.CharField(
        label=_("Change note"),
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Why the content is changed; kept with the new version."),
    )
    expected_version = forms.IntegerField(required=False, widget=forms.HiddenInput())

    class Meta:
        model = Prompt
        fields = ("title", "content", "status", "tags", "user_id", "metadata")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and not self.instance._state.adding:
            self.initial["expected_version"] = self.instance.current_version
            self.fields["content"].stored = self.instance.content  # type: ignore[attr-defined]  # our field
        if "title" in self.fields:
            self.fields["title"].strip = False  # type: ignore[attr-defined]  # a CharField

    def clean(self) -> dict[str, Any]:
        """Refuse an edit that began before somebody else saved; what was typed stays here."""
        cleaned = super().clean() or self.cleaned_data
        expected = cleaned.get("expected_version")
        current = Prompt.all_objects.filter(pk=self.instance.pk).values_list(
            "current_version", flat=True
        )
        newest = current.first()
        if expected and newest and expected != newest:
            raise forms.ValidationError(
                _(
                    "Somebody else saved version %(newest)d while you edited version %(began)d. "
                    "Your text is still below: copy it, open the prompt again and merge."
                ),
                code="stale",
                params={"newest": newest, "began": expected},
            )
        return cleaned


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
        self.fields["content"].stored = self.instance.content  # type: ignore[attr-defined]  # our field
