"""Answers that nothing checked are no longer stored as passed.

Until now an answer to a case without assertions was stored as passed with the score 1, and gates
opened on it. Such rows become unchecked (no verdict, no score, no error), and the figures of their
columns are worked out again. Verdicts that rest on them go; they are made anew when asked for.
"""

from collections import defaultdict

from django.db import migrations, models

SCORED_BY_NOTHING = "run_case_id IS NOT NULL AND components = '[]' AND error = ''"


def _columns_with(schema_editor, condition):
    """Return the columns that have such rows, each with how many."""
    sql = f"SELECT evaluation_id, COUNT(*) FROM test_results WHERE {SCORED_BY_NOTHING} AND {condition}"
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"{sql} GROUP BY evaluation_id")
        return dict(cursor.fetchall())


def _update(schema_editor, values, condition):
    sql = f"UPDATE test_results SET {values} WHERE {SCORED_BY_NOTHING} AND {condition}"
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(sql)


def _mean_score(apps, evaluation):
    """Return the mean of the cases' mean scores by their weights; None where none is scored."""
    rows = (
        apps.get_model("evaluations", "TestResult")
        .objects.filter(evaluation=evaluation, run_case__isnull=False, score__isnull=False)
        .values_list("run_case__key", "run_case__weight", "score")
    )
    scores, weights = defaultdict(list), {}
    for key, weight, score in rows.iterator(chunk_size=5000):
        scores[key].append(score)
        weights[key] = weight
    total = sum(weights.values())
    if not total:
        return None
    means = {key: sum(group) / len(group) for key, group in scores.items()}
    return sum(means[key] * weights[key] for key in means) / total


def withdraw(apps, schema_editor):
    """Take the verdict from what nothing checked."""
    counts = _columns_with(schema_editor, "passed = 1")
    _update(schema_editor, "passed = NULL, score = NULL", "passed = 1")
    Evaluation = apps.get_model("evaluations", "Evaluation")
    manager = getattr(Evaluation, "all_objects", Evaluation.objects)
    for row in manager.filter(pk__in=list(counts)):
        count = counts.get(row.pk.hex, counts.get(str(row.pk), 0))
        summary = dict(row.summary)
        if not summary:
            continue
        passed, failed = max(0, summary.get("passed", 0) - count), summary.get("failed", 0)
        summary |= {
            "unchecked": count,
            "passed": passed,
            "pass_rate": passed / (passed + failed) if passed + failed else None,
            "pass_interval": None,
            "mean_score": _mean_score(apps, row),
            "score_interval": None,
        }
        if summary.get("histogram"):
            *others, last = summary["histogram"]
            summary["histogram"] = [*others, max(0, last - count)]
        row.summary, row.overall_score = summary, summary["mean_score"]
        row.save(update_fields=["summary", "overall_score"])
    changed = {str(key).replace("-", "") for key in counts}
    for row in manager.exclude(summary={}):
        comparison = row.summary.get("comparison")
        if comparison and ({comparison["old"].replace("-", ""), row.pk.hex} & changed):
            row.summary = {key: row.summary[key] for key in row.summary if key != "comparison"}
            row.save(update_fields=["summary"])


def restore(apps, schema_editor):
    """Count them as passed again, as the earlier version does."""
    _update(schema_editor, "passed = 1, score = 1", "passed IS NULL")
    Evaluation = apps.get_model("evaluations", "Evaluation")
    manager = getattr(Evaluation, "all_objects", Evaluation.objects)
    for row in manager.exclude(summary={}):
        if "unchecked" not in row.summary:
            continue
        summary = dict(row.summary)
        passed = summary.get("passed", 0) + summary.pop("unchecked")
        scored = passed + summary.get("failed", 0)
        summary |= {"passed": passed, "pass_rate": passed / scored if scored else None}
        row.summary = summary
        row.save(update_fields=["summary"])


class Migration(migrations.Migration):
    dependencies = [("evaluations", "0005_mend_results")]

    operations = [
        migrations.AlterField(
            model_name="testresult",
            name="passed",
            field=models.BooleanField(
                blank=True,
                help_text="Whether the answer is good enough; empty if it could not be scored or was not checked.",
                null=True,
                verbose_name="passed",
            ),
        ),
        migrations.RunPython(withdraw, restore),
    ]
