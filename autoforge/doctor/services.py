"""What the product works with: Redis, the queue, providers of models, receivers of webhooks."""

import asyncio
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from autoforge.doctor.asking import ask_probe
from autoforge.doctor.findings import Finding, Options, fine, problem, warn
from core.events.models import WebhookDelivery, WebhookEndpoint
from evaluations.adapters import spec_from_profile
from evaluations.engine.errors import SetupError
from evaluations.engine.providers import Kind, ProviderSpec, make
from evaluations.models import ModelProfile, Run
from evaluations.services.runs import runs_to_resume

__all__ = [
    "check_cache",
    "check_models",
    "check_providers",
    "check_queue",
    "check_webhooks",
]

# A server that starts goes on with what is left within a minute.
WAITED: Final = timedelta(minutes=5)
LATE: Final = timedelta(hours=1)
ANTHROPIC_VERSION: Final = "2023-06-01"
USUAL: Final = {
    Kind.OPENAI: "https://api.openai.com/v1",
    Kind.ANTHROPIC: "https://api.anthropic.com",
    Kind.OPENAI_COMPATIBLE: "",
}
VARIABLES: Final = {
    Kind.OPENAI: "OPENAI",
    Kind.ANTHROPIC: "ANTHROPIC",
    Kind.OPENAI_COMPATIBLE: "OPENAI_COMPATIBLE",
}


def check_cache(options: Options) -> Iterator[Finding]:
    """Ask Redis, or the cache of the process."""
    yield ask_probe("cache", "cache", options)


def check_queue(options: Options) -> Iterator[Finding]:
    """Look for workers, and for runs that nobody takes."""
    if settings.QUEUE != "in-process":
        yield ask_probe("queue", "worker", options)
        yield ask_probe("queue", "queue", options)
        return
    rows = Run.objects.filter(pk__in=runs_to_resume(), updated_at__lt=timezone.now() - WAITED)
    count = rows.count()
    if not count:
        yield fine("queue", "no run is waiting (QUEUE=in-process)")
        return
    oldest: datetime = rows.order_by("updated_at").values_list("updated_at", flat=True)[0]
    runs = "1 run has" if count == 1 else f"{count} runs have"
    yield problem(
        "queue",
        f"{runs} waited for the server since {oldest:%Y-%m-%d %H:%M} UTC",
        "Restart the server, which goes on with what is left, or resume them in the admin.",
    )


def check_models(_options: Options) -> Iterator[Finding]:
    """Look whether each profile's provider could be asked; nobody is."""
    profiles = list(ModelProfile.objects.order_by("name"))
    faults: dict[str, list[str]] = {}
    for profile in profiles:
        if profile.provider not in USUAL:
            continue  # of this machine, or of a package: neither has a key of ours
        sentence = _find_fault(spec_from_profile(profile))
        if sentence:
            faults.setdefault(sentence, []).append(profile.name)
    for sentence, names in faults.items():
        yield problem(
            "models",
            f"{_join(names)} cannot be used: {sentence.rstrip('.')}",
            "Set the variable where AutoForge runs, or change the profile.",
        )
    if not faults:
        yield fine("models", f"{len(profiles)} model profiles, each with the key it needs")


def _join(names: list[str]) -> str:
    what = "the model profile" if len(names) == 1 else "the model profiles"
    return f"{what} {', '.join(names)}"


def _find_fault(spec: ProviderSpec) -> str:
    """Return why a model could not be asked; empty where it could be."""
    try:
        provider = make(spec, settings.PROVIDER_ENVIRONMENT)
    except SetupError as error:
        return str(error)
    asyncio.run(provider.close())
    return ""


def check_providers(options: Options) -> Iterator[Finding]:
    """Ask each provider for its list of models, with the key: this costs nothing."""
    asked: set[tuple[str, str]] = set()
    for profile in ModelProfile.objects.order_by("name"):
        if profile.provider not in USUAL:
            continue
        url = _find_address(profile)
        if (profile.provider, url) in asked:
            continue
        asked.add((profile.provider, url))
        fault = _ask_for_models(profile.provider, url, options.seconds)
        name = f"{profile.provider} at {url}"
        if fault:
            remedy = f"Correct {VARIABLES[Kind(profile.provider)]}_API_KEY, or the address."
            yield problem("providers", f"{name} {fault}", remedy)
        else:
            yield fine("providers", f"{name} accepts the key")
    if not asked:
        yield fine("providers", "no model profile uses a provider")


def _find_address(profile: ModelProfile) -> str:
    kind = Kind(profile.provider)
    variable = f"{VARIABLES[kind]}_BASE_URL"
    chosen = profile.base_url or settings.PROVIDER_ENVIRONMENT.get(variable, "") or USUAL[kind]
    return chosen.rstrip("/")


def _ask_for_models(provider: str, url: str, seconds: float) -> str:
    """Return what is wrong with a provider; empty where it lists its models."""
    kind = Kind(provider)
    key = settings.PROVIDER_ENVIRONMENT.get(f"{VARIABLES[kind]}_API_KEY", "")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if kind == Kind.ANTHROPIC:
        headers = {"x-api-key": key, "anthropic-version": ANTHROPIC_VERSION}
        if not url.endswith("/v1"):
            url = f"{url}/v1"
    # The address was checked with the profile, and the key belongs to it (`check_models`).
    request = urllib.request.Request(f"{url}/models", headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=seconds):  # noqa: S310  # nosec B310
            return ""
    except urllib.error.HTTPError as error:
        if error.code in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
            return f"does not accept the key ({error.code})"
        return f"answers {error.code}"
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        return f"is not responding ({reason})"


def check_webhooks(_options: Options) -> Iterator[Finding]:
    """Look for endpoints that AutoForge has disabled or that fail, and for what waits."""
    count = 0
    for endpoint in WebhookEndpoint.objects.order_by("name"):
        if endpoint.disabled_reason and not endpoint.enabled:
            count += 1
            yield warn(
                "webhooks",
                f"the endpoint {endpoint.name} is disabled: {endpoint.disabled_reason.rstrip('.')}",
                "Mend the receiver, then enable the endpoint in the admin.",
            )
        elif endpoint.enabled and endpoint.failing_since is not None:
            count += 1
            since = f"{endpoint.failing_since:%Y-%m-%d %H:%M}"
            yield warn(
                "webhooks",
                f"the endpoint {endpoint.name} has accepted nothing since {since} UTC",
                "Look at its last answer in the admin; after five days it is disabled.",
            )
    late = WebhookDelivery.objects.filter(
        status=WebhookDelivery.Status.PENDING,
        endpoint__enabled=True,
        next_attempt_at__lt=timezone.now() - LATE,
    ).count()
    if late:
        count += 1
        yield problem(
            "webhooks",
            f"{late} deliveries have been due for more than an hour",
            "Start a worker, or run `manage.py webhooks deliver`.",
        )
    if not count:
        yield fine("webhooks", "nothing waits, and no endpoint fails")
