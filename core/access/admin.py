"""API keys in the admin: made, rotated and revoked; shown once."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.access import services
from core.access.models import ApiKey
from core.admin import BaseAdmin
from core.errors import ApplicationError
from core.roles import ROLES

__all__ = ["ApiKeyAdmin"]

LIMITS = ("requests_per_minute", "usd_per_day")


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """Makes a key, or changes its limits."""

    granted: frozenset[str] = frozenset()  # permissions of the person; see `ApiKeyAdmin.get_form`

    class Meta:
        model = ApiKey
        fields = ("name", "role", "expires_at", *LIMITS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "role" in self.fields:
            roles = cast("forms.ModelChoiceField[Group]", self.fields["role"])
            roles.queryset = Group.objects.filter(name__in=ROLES)

    def clean(self) -> dict[str, Any]:
        """Refuse what no key may be, each at its field."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk and not self.instance._state.adding:
            return values  # only its limits change
        role = values.get("role")
        problems = services.check_new_key(
            name=values.get("name", ""),
            role=role.name if role else "",
            expires_at=values.get("expires_at"),
            granted=self.granted,
        )
        for field, sentence in problems.items():
            if field in values:  # else it is missing, and the form says so
                self.add_error(field, str(sentence))
        return values


@admin.register(ApiKey)
class ApiKeyAdmin(BaseAdmin):
    """Keys of programs; nobody sees one again after it was made."""

    form = ApiKeyForm
    list_display = ("name", "prefix", "role", "state", "expires_at", "last_used_at", "created_by")
    list_select_related = ("role",)
    list_filter = ("role",)
    search_fields = ("name", "prefix")
    fields = (
        *("name", "prefix", "role", "state", "expires_at", *LIMITS),
        *("created_by", "last_used_at", "revoked_at", "created_at", "updated_at"),
    )
    change_form_outer_after_template = "admin/access/apikey/actions.html"

    def get_fields(self, request: HttpRequest, obj: object = None) -> Any:
        """Leave out what there is not yet."""
        return self.fields if obj else ("name", "role", "expires_at", *LIMITS)

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> Any:
        """Keep all but the limits: another role or name is another key."""
        if obj is None:
            return ()
        return tuple(name for name in self.fields if name not in LIMITS)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Keep keys: a revoked one says who had access, and when."""
        return False

    def get_urls(self) -> list[Any]:
        """Add what can be done with a key."""
        rotate = self.admin_site.admin_view(self.rotate)
        revoke = self.admin_site.admin_view(self.revoke)
        return [
            path("<uuid:key_id>/rotate/", rotate, name="access_apikey_rotate"),
            path("<uuid:key_id>/revoke/", revoke, name="access_apikey_revoke"),
            *super().get_urls(),
        ]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create it through the service, or change its limits."""
        if change:
            services.edit_key(
                key_id=obj.pk,
                requests_per_minute=form.cleaned_data["requests_per_minute"],
                usd_per_day=form.cleaned_data["usd_per_day"],
            )
            return
        new = services.create_key(
            name=form.cleaned_data["name"],
            role=form.cleaned_data["role"].name,
            expires_at=form.cleaned_data["expires_at"],
            requests_per_minute=form.cleaned_data["requests_per_minute"],
            usd_per_day=form.cleaned_data["usd_per_day"],
            created_by=request.user.get_username(),
            granted=_granted(request),
        )
        obj.pk = new.row.pk
        obj._state.adding = False
        request.new_api_key = new  # type: ignore[attr-defined]  # shown by the answer, kept nowhere

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Let the form know what the person may give away."""
        form = super().get_form(request, *args, **kwargs)
        return type("KeyForm", (form,), {"granted": _granted(request)})

    def response_add(self, request: HttpRequest, obj: object, *args: Any, **kwargs: Any) -> Any:
        """Show the key, this once."""
        return self._show(request, request.new_api_key)  # type: ignore[attr-defined]  # set above

    def rotate(self, request: HttpRequest, key_id: Any) -> HttpResponse:
        """Make the successor of a key and show it."""
        self._need_change(request)
        try:
            new = services.rotate_key(
                key_id=key_id,
                created_by=request.user.get_username(),
                granted=_granted(request),
            )
        except ApplicationError as error:
            messages.error(request, _sentence(error))
            return HttpResponseRedirect(reverse("admin:access_apikey_changelist"))
        return self._show(request, new)

    def revoke(self, request: HttpRequest, key_id: Any) -> HttpResponse:
        """Refuse a key from now on."""
        self._need_change(request)
        try:
            row = services.revoke_key(key_id=key_id)
        except ApplicationError as error:
            messages.error(request, _sentence(error))
        else:
            messages.success(request, _("%(key)s is revoked.") % {"key": row})
        return HttpResponseRedirect(reverse("admin:access_apikey_changelist"))

    def _need_change(self, request: HttpRequest) -> None:
        if request.method != "POST" or not self.has_change_permission(request):
            raise PermissionDenied

    def _show(self, request: HttpRequest, new: services.NewKey) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Key created"),
            "opts": self.opts,
            "row": new.row,
            "key": new.text,
        }
        # The admin's own views are never cached, so no browser keeps the key.
        return TemplateResponse(request, "admin/access/apikey/created.html", context)

    @display(description=_("state"))
    def state(self, obj: ApiKey) -> str:
        """Return whether it works."""
        if obj.revoked_at is not None:
            return str(_("revoked"))
        return str(_("in use")) if obj.is_usable else str(_("expired"))


def _granted(request: HttpRequest) -> frozenset[str]:
    return frozenset(request.user.get_all_permissions())


def _sentence(error: ApplicationError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
