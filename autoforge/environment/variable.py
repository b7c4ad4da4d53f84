"""A row of the table of variables."""

from dataclasses import dataclass

__all__ = ["Variable"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """One variable of the environment."""

    name: str
    """As it is set, in capitals."""
    kind: str
    """Which parser reads it: a name in `autoforge.environment.values.PARSERS`."""
    allowed: str
    """What it may be; completes the words "it must be …"."""
    example: str
    """A value that is allowed; nothing secret."""
    description: str
    """One line for people who set it."""
    group: str
    """The heading it stands under in `.env.example`."""
    default: str | None = None
    """The value where it is not set; None if there is none."""
    local_default: str | None = None
    """Another default that counts in local alone."""
    secret: bool = False
    """Whether its value is never shown."""
    alias: str = ""
    """Another name that is read as well."""
    environments: tuple[str, ...] = ("local", "staging", "production")
    """Where it can have an effect."""
    required: bool = False
    """Whether a deployment's template demands it; all others may be left empty there."""
    generated: bool = False
    """Whether any strong random text will do: `manage.py env secrets` makes one."""
    default_note: str = ""
    """What counts where it is not set, if that depends on others: in words, for the guide."""

    @property
    def takes_file(self) -> bool:
        """Whether `<NAME>_FILE` may name a file that holds the value."""
        return self.secret or self.kind in {"database_url", "libsql_url", "redis_url"}

    def default_in(self, app_env: str) -> str | None:
        """Return the default that counts in `app_env`."""
        if app_env == "local" and self.local_default is not None:
            return self.local_default
        return self.default
