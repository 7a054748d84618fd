"""The protocol of the decisions scorecard: every constant, seed and target, written before a scored stream was run.

A stream is cut into batches. A model is trained on batches, errs on each later one, and after each batch a policy may
have another trained, which serves from the next batch on. What is paid is the sum of the mean errors of the batches,
plus a price for each training. Regret is that, less the least that could have been paid in hindsight, by batch.

Nothing is tuned on what it is scored on: whoever works on a policy looks at `DEVELOPMENT`, which shares no stream with
`SCORED`. The rows named "_102" come from the same generators as the scored ones, with other seeds.
"""

from dataclasses import dataclass, replace

from bench.targets import Target


@dataclass(frozen=True)
class Stream:
    """A stream, and how it is cut."""

    name: str
    batch: int
    """Rows."""
    window: int
    """Batches that the first model, and every model of the last window, is trained on."""
    skip: int = 0
    """Rows at the start that are left out: known changes lie between two batches unless some are."""

    @property
    def label(self) -> str:
        return f"{self.name} + {self.skip}" if self.skip else self.name


SCORED = (
    Stream("elec2", 750, 8),
    Stream("sea", 500, 5),
    Stream("tornado_sine1_101", 1_000, 3),
    Stream("tornado_mixed_101", 1_000, 3),
    Stream("tornado_circles_101", 1_000, 3),
)
SHIFTED = tuple(replace(stream, skip=stream.batch // 2) for stream in SCORED if stream.name != "elec2")
"""Beside the scored ones: the changes that are known lie in the middle of a batch."""
DEVELOPMENT = (
    Stream("tornado_sine1_102", 1_000, 3),
    Stream("tornado_mixed_102", 1_000, 3),
    Stream("tornado_circles_102", 1_000, 3),
    Stream("tornado_sine1_102", 1_000, 3, skip=500),
    Stream("tornado_mixed_102", 1_000, 3, skip=500),
    Stream("tornado_circles_102", 1_000, 3, skip=500),
    Stream("agrawal", 500, 5),  # River's generators: another concept every 12,500 rows,
    Stream("agrawal", 500, 5, skip=200),
    Stream("hyperplane", 750, 8),  # one that turns all the time,
    Stream("rbf", 1_000, 3),  # centres that move,
    Stream("noise", 500, 5),  # and one concept only, with a fifth of the labels wrong
)
GENERATED_ROWS = 50_000
GENERATOR_SEED = 11

# The candidates: scikit-learn's HistGradientBoostingClassifier
ITERATIONS = 60
LEARNING_RATE = 0.15
MODEL_SEED = 0

PRICE = 0.2  # of a training, in errors on every row of a batch: 20 points of error for one batch
OTHER_PRICES = (0.05, 0.5)  # for information
PERIODS = range(2, 41)  # batches; the mean over a period's phases counts
BURN_INS = (250, 500, 1_000, 2_000)  # rows; the second is the default, the others are for information
CONFIDENCES = (0.5, 0.8, 0.95, 0.99)  # of the burn-in's upper bound; the third is the default

REGRET = 0.036
TARGETS = (
    Target("mean regret of the cost policy", ("regret", "cost"), "at most", REGRET, "a batch"),
    Target("the same over that of ADWIN + fresh", ("regret", "against_adwin"), "at most", 0.999, "×"),
)
