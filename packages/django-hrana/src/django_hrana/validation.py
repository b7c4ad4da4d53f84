"""What `manage.py check --database` and `migrate` ask: the settings (`checks`), then the server."""

from django.core.checks import CheckMessage, Error
from django.db import DatabaseError, NotSupportedError
from django.db.backends.base.validation import BaseDatabaseValidation

from django_hrana.checks import check_settings, first_fault

__all__ = ["DatabaseValidation"]


class DatabaseValidation(BaseDatabaseValidation):
    """Checks of `manage.py check --database`."""

    def check(self, **kwargs: object) -> list[CheckMessage]:
        """Return what is wrong with the settings, and with the server that they lead to."""
        messages = super().check(**kwargs)
        settings, alias = self.connection.settings_dict, self.connection.alias
        faults = check_settings(settings, alias)
        if first_fault(settings, alias) is None:
            faults += self._check_version()
        return [*messages, *faults]

    def _check_version(self) -> list[CheckMessage]:
        try:
            self.connection.check_database_version_supported()
        except NotSupportedError as error:
            return [Error(str(error), id="libsql.E009")]
        except DatabaseError:
            pass  # the server cannot be asked: the command that needs it says why
        return []
