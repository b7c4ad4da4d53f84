"""Settings for Django's `runtests.py`; which database, the environment says."""

import os

BACKEND = os.environ["CONFORMANCE_BACKEND"]


def _database(alias: str) -> dict[str, object]:
    if BACKEND == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3"}
    return {
        "ENGINE": "django_hrana",
        # Two databases: aliases of one would share their test database too.
        "NAME": f"{os.environ['CONFORMANCE_URL']}?namespace={alias}",
        "TEST": {"ADMIN_URL": os.environ["CONFORMANCE_ADMIN_URL"]},
    }


DATABASES = {"default": _database("default"), "other": _database("other")}

# As in the settings that Django's own tests bring for SQLite.
SECRET_KEY = "django_tests_secret_key"  # noqa: S105 (its tests know it)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False

TEST_RUNNER = "conformance.recording.RecordingRunner"
