"""System checks of evaluations: packages that add scorers or providers and cannot be used."""

from django.core import checks

from evaluations.engine import plugins

__all__ = ["check_plugins"]

SCORER_GROUP = "autoforge.scorers"
PROVIDER_GROUP = "autoforge.providers"
HINT = "Fix, upgrade or remove the package; until then, what it provides is not available."


@checks.register()
def check_plugins(app_configs: object = None, **kwargs: object) -> list[checks.CheckMessage]:
    """Name what is left out of installed packages."""
    if not plugins.are_installed(SCORER_GROUP, PROVIDER_GROUP):
        return []  # most have none, and then no scorer has to be imported for this
    from evaluations.engine.providers import PROVIDERS
    from evaluations.engine.scorers import SCORERS

    # Scorers were imported; a provider is only when it is asked, so that is tried here.
    faults = (*SCORERS.faults, *PROVIDERS.faults, *plugins.find_unloadable(PROVIDER_GROUP))
    return [checks.Error(f"{fault}.", hint=HINT, id="evaluations.E001") for fault in faults]
