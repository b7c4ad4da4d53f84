"""Suites of test cases."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.constraints import is_json, not_blank
from core.fields import JSONDocumentField
from core.json import JSONObject
from core.models import SoftDeleteModel, TimestampedModel, UUIDModel
from core.validators import (
    validate_json_list,
    validate_json_object,
    validate_not_blank,
    validate_storable,
    validate_tags,
)
from evaluations.models.ranges import SCORE_RANGE

__all__ = ["TestCase", "TestSuite"]


class TestSuite(UUIDModel, SoftDeleteModel):
    """A named set of test cases."""

    __test__ = False  # pytest would collect it by its name

    name = models.CharField(
        _("name"),
        max_length=255,
        validators=[validate_not_blank, validate_storable],
        help_text=_("Display name; must be unique."),
    )
    description = models.TextField(
        _("description"), blank=True, default="", help_text=_("What the suite tests and why.")
    )

    class Meta(SoftDeleteModel.Meta):
        db_table = "test_suites"
        verbose_name = _("test suite")
        verbose_name_plural = _("test suites")
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(deleted_at__isnull=True),
                name="test_suites_name_unique",
                violation_error_message=_("A test suite with this name already exists."),
            ),
            models.CheckConstraint(
                name="test_suites_name_not_blank",
                condition=not_blank("name"),
                violation_error_message=_("A test suite must have a name."),
            ),
        )

    def __str__(self) -> str:
        return self.name


class TestCase(UUIDModel, TimestampedModel):
    """One input with what is expected of the answer."""

    __test__ = False  # pytest would collect it by its name

    suite = models.ForeignKey(
        TestSuite,
        on_delete=models.CASCADE,
        related_name="cases",
        db_index=False,
        verbose_name=_("test suite"),
        help_text=_("The suite that this case belongs to."),
    )
    name = models.CharField(
        _("name"),
        max_length=255,
        validators=[validate_not_blank, validate_storable],
        help_text=_("Display name; must be unique within the suite."),
    )
    variables = JSONDocumentField(
        _("variables"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("Values of the prompt variables, by name."),
    )
    expected = models.TextField(
        _("expected answer"),
        blank=True,
        default="",
        help_text=_("The expected answer, for comparison."),
    )
    assertions = JSONDocumentField(
        _("assertions"),
        default=list,
        blank=True,
        validators=[validate_json_list],
        help_text=_("A list of assertions, each an object with a type and a value."),
    )
    weight = models.FloatField(
        _("weight"),
        default=1.0,
        validators=[MinValueValidator(0.0)],
        help_text=_("Weight of the case in the overall score, 0 or more."),
    )
    threshold = models.FloatField(
        _("threshold"),
        null=True,
        blank=True,
        validators=SCORE_RANGE,
        help_text=_("If set, the case passes when its score is at least this value (0 to 1)."),
    )
    tags = JSONDocumentField(
        _("tags"),
        default=list,
        blank=True,
        validators=[validate_tags],
        help_text=_("Keywords for finding the case."),
    )
    metadata = JSONDocumentField(
        _("metadata"),
        default=dict,
        blank=True,
        validators=[validate_json_object],
        help_text=_("Any other data about the case."),
    )
    position = models.PositiveIntegerField(
        _("position"), default=0, help_text=_("Order within the suite; ties are sorted by name.")
    )
    enabled = models.BooleanField(
        _("enabled"), default=True, help_text=_("Only enabled cases are run.")
    )

    class Meta(TimestampedModel.Meta):
        db_table = "test_cases"
        verbose_name = _("test case")
        verbose_name_plural = _("test cases")
        ordering = ("suite", "position", "name")
        indexes = (models.Index(fields=["-updated_at"], name="idx_test_cases_updated_at"),)
        constraints = (
            models.UniqueConstraint(
                fields=["suite", "name"],
                name="test_cases_name_unique",
                violation_error_message=_("This suite already has a case with this name."),
            ),
            models.CheckConstraint(
                name="test_cases_name_not_blank",
                condition=not_blank("name"),
                violation_error_message=_("A test case must have a name."),
            ),
            models.CheckConstraint(
                name="test_cases_weight_not_negative",
                condition=Q(weight__gte=0),
                violation_error_message=_("The weight must be 0 or more."),
            ),
            models.CheckConstraint(
                name="test_cases_threshold_0_to_1",
                condition=Q(threshold__isnull=True) | Q(threshold__range=(0, 1)),
                violation_error_message=_("The threshold must be from 0 to 1, or empty."),
            ),
            models.CheckConstraint(
                name="test_cases_tags_is_list",
                condition=is_json("tags", "array"),
                violation_error_message=_("Tags must be a JSON list."),
            ),
            models.CheckConstraint(
                name="test_cases_metadata_is_object",
                condition=is_json("metadata", "object"),
                violation_error_message=_("Metadata must be a JSON object."),
            ),
            models.CheckConstraint(
                name="test_cases_variables_is_object",
                condition=is_json("variables", "object"),
                violation_error_message=_("Variables must be a JSON object."),
            ),
            models.CheckConstraint(
                name="test_cases_assertions_is_list",
                condition=is_json("assertions", "array"),
                violation_error_message=_("Assertions must be a JSON list."),
            ),
        )

    def __str__(self) -> str:
        return self.name

    def as_document(self) -> JSONObject:
        """Return what is asked and checked, as `case_from_document` reads it."""
        names = ("variables", "expected", "assertions", "threshold", "tags", "metadata")
        return {name: getattr(self, name) for name in names}
