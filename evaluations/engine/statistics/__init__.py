"""Statistics of evaluations: how good a run is, and whether one is better than another.

    distributions ──▶ intervals ──▶ summary (one run)
                  └─▶ paired ─────▶ comparison (two runs) ──▶ verdict (a sentence)
                      power (what a suite of this size can show)   agreement (people and judges)

Everything is the standard library; random draws are seeded, so that the same results give the same
figures for ever.
"""

from evaluations.engine.statistics.agreement import Agreement, cohen_kappa
from evaluations.engine.statistics.comparison import Comparison, Pair, compare
from evaluations.engine.statistics.intervals import (
    Interval,
    bootstrap_mean,
    newcombe_paired,
    t_mean,
    t_of_sums,
    wilson,
)
from evaluations.engine.statistics.paired import holm, mcnemar_exact, sign_flip
from evaluations.engine.statistics.power import cases_needed, smallest_difference
from evaluations.engine.statistics.summary import (
    Observation,
    Summary,
    histogram,
    pass_hat,
    quantile,
    quantile_from_counts,
    summarise,
)
from evaluations.engine.statistics.verdict import Verdict, deciding_p, judge_comparison

__all__ = [
    "Agreement",
    "Comparison",
    "Interval",
    "Observation",
    "Pair",
    "Summary",
    "Verdict",
    "bootstrap_mean",
    "cases_needed",
    "cohen_kappa",
    "compare",
    "deciding_p",
    "histogram",
    "holm",
    "judge_comparison",
    "mcnemar_exact",
    "newcombe_paired",
    "pass_hat",
    "quantile",
    "quantile_from_counts",
    "sign_flip",
    "smallest_difference",
    "summarise",
    "t_mean",
    "t_of_sums",
    "wilson",
]
