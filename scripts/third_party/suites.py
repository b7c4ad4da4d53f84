"""Whose tests are run, and how: what their own tox.ini or runtests.py does, as data.

Each distribution is pinned in requirements-third-party.txt. Left out are those whose source
distribution holds no tests, or not all that they import.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from launch.errors import LaunchError

__all__ = ["SUITES", "Suite", "choose"]


@dataclass(frozen=True, kw_only=True)
class Suite:
    """The tests of one distribution."""

    distribution: str
    """Its name at PyPI."""
    tests: tuple[str, ...] = ("tests",)
    """Files and folders with tests, in its source."""
    settings: str = ""
    """The settings module; empty: the suite's conftest.py configures Django."""
    paths: tuple[str, ...] = ()
    """Folders of its source that modules are imported from, beside its root."""
    files: str = "test_*.py *_test.py *_tests.py tests.py"
    """Which files hold tests."""
    migrates: bool = True
    """Whether the tables come from migrations; otherwise from the models."""
    checks: bool = False
    """Whether the system checks run first, as with Django's own test runner."""
    options: Mapping[str, str] = field(default_factory=dict)
    """More of pytest's own settings."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Files that are not run, and why."""
    differences: Mapping[str, str] = field(default_factory=dict)
    """Tests that do not do on libSQL what they do on SQLite, and why: by the end of their name."""

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        return self.distribution.removeprefix("django-").removeprefix("django")


SUITES: Final = (
    Suite(
        distribution="wagtail",
        tests=("wagtail/tests",),
        settings="wagtail.test.settings",
    ),
    Suite(distribution="djangorestframework", migrates=False),
    Suite(
        distribution="django-allauth",
        tests=("tests",),
        settings="tests.projects.regular.settings",
        options={"asyncio_mode": "auto"},
    ),
    Suite(
        distribution="django-auditlog",
        tests=("auditlog_tests",),
        settings="test_settings",
        paths=("auditlog_tests",),
    ),
    Suite(distribution="django-axes", settings="tests.settings"),
    Suite(
        distribution="django-celery-results",
        tests=("t/unit",),
        settings="t.proj.settings",
        options={"python_classes": "test_*"},
    ),
    Suite(distribution="django-constance", settings="tests.settings"),
    # The checks load the URLs with all panels; a test that turns panels off would do it otherwise.
    Suite(distribution="django-debug-toolbar", settings="tests.settings", checks=True),
    Suite(distribution="django-dirtyfields", settings="tests.django_settings"),
    Suite(
        distribution="django-extensions",
        settings="tests.testapp.settings",
        migrates=False,
        differences=dict.fromkeys(
            (
                "SqlDiffTests::test_sql_diff_with_proxy_models",
                "SqlDiffTests::test_sql_diff_without_proxy_models",
                "SqlDiffTests::test_sqlite_to_dict",
            ),
            "The test skips itself where the engine is not called django.db.backends.sqlite3.",
        ),
    ),
    Suite(distribution="django-filter", settings="tests.settings"),
    Suite(
        distribution="django-guardian",
        tests=("guardian/testapp/tests",),
        settings="guardian.testapp.testsettings",
    ),
    Suite(
        distribution="django-import-export",
        tests=("tests/core/tests",),
        settings="settings",
        paths=("tests",),
    ),
    Suite(distribution="django-model-utils", settings="tests.settings"),
    Suite(
        distribution="django-ordered-model", tests=("tests/tests.py",), settings="tests.settings"
    ),
    Suite(
        distribution="django-otp",
        tests=("src/django_otp",),
        settings="test_project.settings",
        paths=("test", "src"),
    ),
    Suite(
        distribution="django-reversion",
        tests=("tests/test_app",),
        settings="test_project.settings",
        paths=("tests",),
    ),
    Suite(
        distribution="django-safedelete",
        tests=("safedelete/tests",),
        settings="safedelete.tests.settings",
    ),
    Suite(
        distribution="django-silk",
        tests=("project/tests",),
        settings="project.settings",
        paths=("project",),
        left_out={"project/tests/test_profile_dot.py": "needs networkx, and no database"},
    ),
    Suite(
        distribution="django-simple-history",
        tests=("simple_history/tests", "simple_history/registry_tests"),
        settings="settings_of_simple_history",
    ),
    Suite(distribution="django-treebeard", settings="tests.settings"),
)


def choose(names: list[str]) -> list[Suite]:
    """Return the suites of these names; without any, all.

    Raises:
        LaunchError: there is none of that name.
    """
    by_name = {suite.name: suite for suite in SUITES}
    by_name |= {suite.distribution: suite for suite in SUITES}
    unknown = sorted(set(names) - set(by_name))
    if unknown:
        raise LaunchError(
            f"There is no suite named {', '.join(unknown)}; there are "
            f"{', '.join(suite.name for suite in SUITES)}."
        )
    chosen = {by_name[name].distribution for name in names}
    return [suite for suite in SUITES if not names or suite.distribution in chosen]
