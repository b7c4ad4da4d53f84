"""Model profiles: list, create, read, edit, remove. A key is refused, and so never answered."""

from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any, Final

from django.http import HttpResponse
from dmr import Path, Query
from dmr.plugins.msgspec import BodyMsgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from core.api.controllers import BaseController, empty, operation
from core.api.cursors import DEFAULT_LIMIT
from core.api.pages import CHANGES, READS, ById, Cursor, Limit, Search, take_page
from core.api.repeats import answer_once
from core.errors import NotFoundError
from core.services import find_row
from evaluations.engine.providers.families import why_unsent
from evaluations.models import ModelProfile
from evaluations.services import profiles

__all__ = ["OneProfile", "Profiles"]

PRICES: Final = ("input_usd_per_million", "output_usd_per_million")
Entry = dict[str, Any]
Whole = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Price = Annotated[float, Meta(ge=0)]
"""US dollars."""


class ProfileBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new profile."""

    name: str
    """Display name, also used in commands; unique."""
    provider: str
    """Such as `openai`, `anthropic`, `openai-compatible`, `local` or `echo`."""
    model: str = ""
    """Name of the model at the provider."""
    base_url: str = ""
    """Address of the API, if it is not the provider's own."""
    parameters: Entry = {}
    """Sent to the model, such as `temperature`; a key is refused: it comes from the environment."""
    concurrency: Whole = 4
    """Most calls at a time."""
    requests_per_minute: Whole | None = None
    tokens_per_minute: Whole | None = None
    timeout_seconds: float = 60.0
    """For one answer."""
    input_usd_per_million: Price | None = None
    """Price of a million tokens of prompts; null: the published one, if it is known."""
    output_usd_per_million: Price | None = None
    """Price of a million tokens of answers."""


class ProfileChanges(Struct, kw_only=True, forbid_unknown_fields=True):
    """Changes to a profile: what is missing stays."""

    name: str | UnsetType = UNSET
    provider: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    base_url: str | UnsetType = UNSET
    parameters: Entry | UnsetType = UNSET
    concurrency: Whole | UnsetType = UNSET
    requests_per_minute: Whole | UnsetType | None = UNSET
    tokens_per_minute: Whole | UnsetType | None = UNSET
    timeout_seconds: float | UnsetType = UNSET
    input_usd_per_million: Price | UnsetType | None = UNSET
    output_usd_per_million: Price | UnsetType | None = UNSET


class ProfileRead(Struct, kw_only=True):
    """A model profile."""

    id: str
    name: str
    provider: str
    model: str
    base_url: str
    parameters: Entry
    unsent_parameters: list[str]
    """Parameters that this model does not take, and that are not sent to it."""
    concurrency: int
    requests_per_minute: int | None
    tokens_per_minute: int | None
    timeout_seconds: float
    input_usd_per_million: float | None
    output_usd_per_million: float | None
    created_at: datetime
    updated_at: datetime


class ProfilePage(Struct, kw_only=True):
    """Some profiles."""

    items: list[ProfileRead]
    next_cursor: str | None = None
    """For the next page; null on the last one."""


class ProfileQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which profiles."""

    search: Search = ""
    """A part of the name."""
    provider: Annotated[str, Meta(max_length=100)] = ""
    """Only profiles of this provider."""
    cursor: Cursor = ""
    """`next_cursor` of the page before."""
    limit: Limit = DEFAULT_LIMIT


class Profiles(BaseController):
    """Model profiles."""

    @operation(ProfilePage, permission="evaluations.view_modelprofile", problems=READS)
    def get(self, parsed_query: Query[ProfileQuery]) -> HttpResponse:
        """List model profiles by name."""
        rows = ModelProfile.objects.all()
        if parsed_query.search:
            rows = rows.filter(name__icontains=parsed_query.search)
        if parsed_query.provider:
            rows = rows.filter(provider=parsed_query.provider)
        page, next_cursor = take_page(
            rows, by=("name",), cursor=parsed_query.cursor, limit=parsed_query.limit
        )
        items = [_as_body(profile) for profile in page]
        return self.to_response(ProfilePage(items=items, next_cursor=next_cursor))

    @operation(
        ProfileRead,
        permission="evaluations.add_modelprofile",
        status=HTTPStatus.CREATED,
        problems=CHANGES,
    )
    def post(self, parsed_body: BodyMsgspec[ProfileBody]) -> HttpResponse:
        """Create a model profile."""

        def work() -> HttpResponse:
            profile = profiles.create_profile(**_as_fields(parsed_body))
            return self.to_response(_as_body(profile), status_code=HTTPStatus.CREATED)

        return answer_once(self.request, self.caller, work)


class OneProfile(BaseController):
    """A model profile by its ID."""

    @operation(ProfileRead, permission="evaluations.view_modelprofile", problems=READS)
    def get(self, parsed_path: Path[ById]) -> HttpResponse:
        """Read a model profile."""
        return self.to_response(_as_body(find_row(ModelProfile, parsed_path.id)))

    @operation(ProfileRead, permission="evaluations.change_modelprofile", problems=CHANGES)
    def patch(
        self, parsed_path: Path[ById], parsed_body: BodyMsgspec[ProfileChanges]
    ) -> HttpResponse:
        """Change a model profile; runs keep the settings that they were made with."""
        profile = profiles.edit_profile(profile_id=parsed_path.id, **_as_fields(parsed_body))
        return self.to_response(_as_body(profile))

    @operation(
        None,
        permission="evaluations.delete_modelprofile",
        status=HTTPStatus.NO_CONTENT,
        problems=READS,
    )
    def delete(self, parsed_path: Path[ById]) -> HttpResponse:
        """Remove a model profile for good; runs keep their settings."""
        if not profiles.delete_profiles([parsed_path.id]):
            kind = ModelProfile._meta.verbose_name
            raise NotFoundError("row.missing", kind=kind, key=parsed_path.id)
        return empty(HTTPStatus.NO_CONTENT)


def _as_fields(body: ProfileBody | ProfileChanges) -> Any:
    """Return field → value of what was sent, as the service takes it."""
    fields: dict[str, Any] = {}
    for name in body.__struct_fields__:
        value = getattr(body, name)
        if value is UNSET:
            continue
        if name in PRICES and value is not None:
            value = Decimal(str(value))  # as it was written, not as a float holds it
        fields[name] = value
    return fields


def _as_body(profile: ModelProfile) -> ProfileRead:
    prices: dict[str, float | None] = {}
    for name in PRICES:
        price = getattr(profile, name)
        prices[name] = None if price is None else float(price)
    return ProfileRead(
        id=str(profile.pk),
        name=profile.name,
        provider=profile.provider,
        model=profile.model,
        base_url=profile.base_url,
        parameters=profile.parameters,
        unsent_parameters=list(why_unsent(profile.provider, profile.model, profile.parameters)),
        concurrency=profile.concurrency,
        requests_per_minute=profile.requests_per_minute,
        tokens_per_minute=profile.tokens_per_minute,
        timeout_seconds=profile.timeout_seconds,
        input_usd_per_million=prices["input_usd_per_million"],
        output_usd_per_million=prices["output_usd_per_million"],
        created_at=profile.created_at,
        updated_at=profile.updated_at,
    )
