"""Endpoints in the admin; a secret is shown on the page that answers its making, and nowhere else.

That page is no redirect: what a redirect is to show would have to be kept in the meantime.
"""

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from core.admin import BaseAdmin, ModelForm
from core.events.models import WebhookEndpoint
from core.events.secrets import UnreadableSecretError, decrypt_secret
from core.events.services import endpoints, outbox
from core.events.types import list_event_types

__all__ = ["WebhookEndpointAdmin"]


class PageMedia:
    """The style of our pages."""

    css = {"all": ["prompts/workshop.css"]}


def _list_choices() -> list[tuple[str, str]]:
    """Return the events to choose from, with what each of them means."""
    return [(name, f"{name} – {text}") for name, text in list_event_types().items()]


class WebhookEndpointForm(ModelForm):
    """Edits an endpoint; its secret is none of its fields."""

    event_types = forms.MultipleChoiceField(
        label=_("Events"),
        choices=_list_choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("name", "url", "event_types", "enabled")

    def clean(self) -> dict[str, Any]:
        """Refuse an address that nothing may be sent to."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        fields = cast("endpoints.EndpointFields", {"url": values.get("url", "")})
        for name, sentence in endpoints.check_endpoint(fields).items():
            text = str(sentence)
            self.add_error(name, f"{text[:1].upper()}{text[1:]}.")
        return values


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(BaseAdmin):
    """Where events are sent."""

    Media = PageMedia
    form = WebhookEndpointForm
    list_display = ("name", "shown_state", "shown_events", "updated_at")
    list_filter = ("enabled",)
    search_fields = ("name",)
    fields = (
        "name",
        "url",
        "event_types",
        "enabled",
        "shown_state",
        "shown_secret",
        "created_at",
        "updated_at",
    )
    readonly_fields = ("shown_state", "shown_secret", "created_at", "updated_at")
    change_form_outer_after_template = "admin/events/webhookendpoint/tools.html"

    def get_fields(self, request: HttpRequest, obj: object = None) -> Any:
        """Leave out what there is not yet."""
        return super().get_fields(request, obj) if obj else self.fields[:4]

    def get_urls(self) -> list[Any]:
        """Add what the buttons below the form send."""
        view = self.admin_site.admin_view
        own = [
            path("<uuid:key>/test/", view(self.test), name="events_webhookendpoint_test"),
            path("<uuid:key>/rotate/", view(self.rotate), name="events_webhookendpoint_rotate"),
        ]
        return [*own, *super().get_urls()]  # first, for Django's own end with a catch-all

    @display(description=_("state"))
    def shown_state(self, obj: WebhookEndpoint) -> str:
        """Return whether events arrive."""
        if not obj.enabled:
            state = gettext("disabled")
            return f"{state}: {obj.disabled_reason}" if obj.disabled_reason else state
        if obj.failing_since is not None:
            since = timezone.localtime(obj.failing_since)
            return gettext("failing since %(time)s") % {"time": f"{since:%Y-%m-%d %H:%M}"}
        return gettext("enabled")

    @display(description=_("events"))
    def shown_events(self, obj: WebhookEndpoint) -> str:
        """Return the types of events that it is told of."""
        return ", ".join(obj.event_types)

    @display(description=_("secret"))
    def shown_secret(self, obj: WebhookEndpoint) -> str:
        """Return whether there is one that can be used; never the secret itself."""
        try:
            decrypt_secret(obj.secret)
        except UnreadableSecretError as error:
            return str(error)
        until = obj.previous_secret_until
        if until is not None and until > timezone.now():
            local = timezone.localtime(until)
            sentence = gettext("The previous secret is valid until %(time)s as well.")
            return sentence % {"time": f"{local:%Y-%m-%d %H:%M}"}
        return gettext("It was shown when it was created. Rotate it if it is lost.")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save through the service; a new endpoint carries its secret to the page that shows it."""
        values = {name: form.cleaned_data[name] for name in WebhookEndpointForm.Meta.fields}
        if change:
            endpoints.edit_endpoint(endpoint_id=obj.pk, **values)
            return
        made = endpoints.create_endpoint(**values)
        obj.pk = made.endpoint.pk
        obj._state.adding = False
        obj.new_secret = made.secret  # until this request is answered

    def delete_rows(self, request: HttpRequest, keys: Sequence[Any]) -> None:
        """Remove them through the service, with their deliveries."""
        endpoints.delete_endpoints(keys)

    def response_add(self, request: HttpRequest, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Show the secret, instead of leading to the next page."""
        usual = super().response_add(request, obj, *args, **kwargs)
        page = self._show_secret(request, obj, obj.new_secret)
        page.cookies = usual.cookies  # one tells the browser that its draft is saved
        return page

    def rotate(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Give an endpoint a new secret, and show it."""
        endpoint = self._find(request, key)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        made = endpoints.rotate_secret(endpoint_id=endpoint.pk)
        self.log_change(request, endpoint, str(_("Rotated the secret")))
        return self._show_secret(request, made.endpoint, made.secret)

    def test(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Send a test event, and lead to the log that shows what became of it."""
        endpoint = self._find(request, key)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not endpoint.enabled:
            text = _("Enable the endpoint first: nothing is sent to one that is disabled.")
            self.message_user(request, text, messages.ERROR)
            return redirect("admin:events_webhookendpoint_change", endpoint.pk)
        delivery = outbox.send_test_event(endpoint=endpoint, actor=request.user.get_username())
        text = _("The test event is on its way. Reload this page to see the answer.")
        self.message_user(request, text, messages.SUCCESS)
        return redirect("admin:events_webhookdelivery_change", delivery.pk)

    def _find(self, request: HttpRequest, key: UUID) -> WebhookEndpoint:
        if not self.has_change_permission(request):
            raise PermissionDenied
        return get_object_or_404(WebhookEndpoint, pk=key)

    def _show_secret(
        self, request: HttpRequest, endpoint: WebhookEndpoint, secret: str
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Secret of the endpoint"),
            "opts": self.opts,
            "endpoint": endpoint,
            "secret": secret,
            "log": reverse("admin:events_webhookdelivery_changelist"),
        }
        template = "admin/events/webhookendpoint/secret.html"
        return TemplateResponse(request, template, context)  # the admin lets nobody store a page
