"""A plugin of pytest: the test database is a copy that needs no second look.

`tests/support/migrated.py` puts a migrated copy, and Django's `migrate` then finds nothing to do,
which takes a second. Many hundred changes are tried one after the other.
"""

from django.conf import settings
from django.db.backends.base.creation import BaseDatabaseCreation


def use_the_copy(self: BaseDatabaseCreation, **_options: object) -> str:
    """Take the file that is there as the test database."""
    name: str = self._get_test_db_name()  # type: ignore[attr-defined]
    self.connection.close()
    settings.DATABASES[self.connection.alias]["NAME"] = name
    self.connection.settings_dict["NAME"] = name
    self.connection.ensure_connection()
    return name


BaseDatabaseCreation.create_test_db = use_the_copy  # type: ignore[method-assign, assignment]
