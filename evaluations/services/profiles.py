"""Model profiles: models under names of the team's own, and what no profile may hold.

Addresses and parameters are shown to everybody who may see profiles, and kept in plain text: a key
is refused wherever it is put. Keys come from the environment alone.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, TypedDict, Unpack, cast
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import InvalidInputError
from core.json import JSONObject
from core.services import check_row, find_row, refuse_unknown
from evaluations.engine.errors import SetupError
from evaluations.engine.providers import PROVIDERS, Kind
from evaluations.engine.providers.addresses import make_policy
from evaluations.engine.providers.base import MOST_AT_A_TIME
from evaluations.engine.providers.keys import check_address, find_secret
from evaluations.engine.providers.services import SERVICES
from evaluations.models import ModelProfile

__all__ = [
    "check_profile",
    "create_profile",
    "delete_profiles",
    "edit_profile",
    "list_providers",
]


class ProfileFields(TypedDict, total=False):
    """What a profile holds."""

    name: str
    provider: str
    model: str
    base_url: str
    parameters: JSONObject
    concurrency: int
    """Calls at a time."""
    requests_per_minute: int | None
    tokens_per_minute: int | None
    timeout_seconds: float
    input_usd_per_million: Decimal | None
    """US dollars for a million tokens of prompts."""
    output_usd_per_million: Decimal | None
    """The same of answers."""


FIELDS: Final = frozenset(ProfileFields.__annotations__)
# Recorded answers are files of the machine that a command runs on; no profile opens one. What is
# described in a configuration has no fields here.
OF_FILES: Final = (Kind.REPLAY, Kind.HTTP, Kind.WEBHOOK)
NEEDS_MODEL: Final = (Kind.OPENAI, Kind.ANTHROPIC, Kind.OPENAI_COMPATIBLE, *SERVICES)


@transaction.atomic
def create_profile(**fields: Unpack[ProfileFields]) -> ModelProfile:
    """Create a profile.

    Args:
        **fields: `name`, `provider`, `model`, `base_url`, `parameters`, `concurrency` (calls at a
            time), `requests_per_minute`, `tokens_per_minute`, `timeout_seconds`,
            `input_usd_per_million`, `output_usd_per_million` (tokens).

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    refuse_unknown(fields, FIELDS)
    profile = ModelProfile(**fields)
    _check(profile)
    profile.save(force_insert=True)
    return profile


@transaction.atomic
def edit_profile(*, profile_id: UUID | str, **changes: Unpack[ProfileFields]) -> ModelProfile:
    """Change a profile; runs keep the settings that they were made with.

    Args:
        profile_id: the profile.
        **changes: any field that `create_profile` takes.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
        NotFoundError: there is no such profile.
    """
    refuse_unknown(changes, FIELDS)
    profile = find_row(ModelProfile, profile_id)
    for name, value in changes.items():
        setattr(profile, name, value)
    _check(profile)
    profile.save(update_fields=set(changes))
    return profile


@transaction.atomic
def delete_profiles(profile_ids: Iterable[UUID | str]) -> int:
    """Remove profiles for good; runs keep their settings. Return how many there were."""
    count, _models = ModelProfile.objects.filter(pk__in=list(profile_ids)).delete()
    return count


def list_providers() -> list[str]:
    """Return the kinds of providers that a profile may name, those of packages included."""
    return [name for name in PROVIDERS if name not in OF_FILES]


def check_profile(fields: ProfileFields) -> dict[str, str]:
    """Return field → sentence of what no profile may hold; what is not named is not checked.

    Args:
        fields: any of `provider`, `model`, `base_url`, `parameters`, `concurrency`.
    """
    problems = {
        "provider": _check_provider(fields.get("provider")),
        "model": _check_model(fields.get("provider"), fields.get("model")),
        "base_url": _check_address(fields.get("base_url")),
        "parameters": _check_parameters(fields.get("parameters")),
        "concurrency": _check_concurrency(fields.get("concurrency")),
    }
    return {name: sentence for name, sentence in problems.items() if sentence}


def _check(profile: ModelProfile) -> None:
    check_row(profile)
    fields = {name: getattr(profile, name) for name in FIELDS}
    problems = check_profile(cast("ProfileFields", fields))
    if problems:
        raise InvalidInputError(problems)


def _check_provider(provider: str | None) -> str:
    offered = list_providers()
    if provider is None or provider in offered:
        return ""
    sentence = _("Unknown provider “%(name)s”; available: %(names)s.")
    return sentence % {"name": provider, "names": ", ".join(offered)}


def _check_model(provider: str | None, model: str | None) -> str:
    """Refuse a provider that would have to guess its model."""
    return "" if model or provider not in NEEDS_MODEL else _("This provider requires a model.")


def _check_address(address: str | None) -> str:
    """Refuse what no model is asked at, and secrets: the address is shown and kept."""
    if not address:
        return ""
    try:
        check_address(address)
    except SetupError:
        return _(
            "The address must start with http:// or https:// and include a host, "
            "without a user name, password or key."
        )
    try:
        make_policy(settings.PROVIDER_ENVIRONMENT).check_host(urlsplit(address).hostname or "")
    except SetupError:
        return _(
            "This address is link-local, private or belongs to this machine. Add it to "
            "MODEL_ALLOWED_NETWORKS to allow it."
        )
    return ""


def _check_parameters(parameters: object) -> str:
    """Refuse a key: keys come from the environment alone."""
    secret = find_secret(parameters)
    if not secret:
        return ""
    sentence = _("“%(name)s” cannot be stored here. Set keys in the environment.")
    return sentence % {"name": secret}


def _check_concurrency(concurrency: int | None) -> str:
    """Refuse more calls than one process can have under way."""
    if concurrency is None or 1 <= concurrency <= MOST_AT_A_TIME:
        return ""
    sentence = _("Concurrency must be an integer from 1 to %(most)s.")
    return sentence % {"most": MOST_AT_A_TIME}
