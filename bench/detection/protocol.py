"""The protocol of the detection scorecard: every constant, every seed, every target. Committed before any tuning.

Nothing is tuned on what it is scored on: a stream is a function of a seed, the name of what it is for, and its number.
A smoke run has another seed, so that those who work on a detector have not seen what it will be scored on.
"""

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from bench.targets import Target

SEED = 7
SMOKE_SEED = 6


def generator(purpose: str, *numbers: int, seed: int = SMOKE_SEED) -> np.random.Generator:
    """Return the random numbers of one stream: those of another purpose or number share nothing with them."""
    return np.random.default_rng([seed, crc32(purpose.encode()), *numbers])


@dataclass(frozen=True)
class Scale:
    """How much of the protocol is run: 1 is all of it, less is a smoke run whose figures count for nothing."""

    share: float = 1.0

    @property
    def seed(self) -> int:
        return SEED if self.share == 1 else SMOKE_SEED

    def generator(self, purpose: str, *numbers: int) -> np.random.Generator:
        return generator(purpose, *numbers, seed=self.seed)

    def of(self, count: int) -> int:
        return max(1, round(count * self.share))


@dataclass(frozen=True)
class Stream:
    """A stationary stream of zeros and ones: x = 1 with probability mean + correlation · (last x - mean)."""

    name: str
    mean: float
    correlation: float = 0.0


# Streams of errors. An observation is a second of event time, so the budget is 10 false alarms in a million.
OBSERVATION = 1_000_000  # µs
BUDGET = 100_000 * OBSERVATION
PANE = 10  # observations
IID = Stream("B(.2)", 0.2)
RARE = Stream("B(.05)", 0.05)
MARKOV = Stream("Markov(.2, ρ = .3)", 0.2, 0.3)
STREAMS = (IID, RARE, MARKOV)
REFERENCE = 10_000  # observations, unless a line says otherwise

# False alarms
RUNS = 20  # each with a reference of its own
LENGTH = 1_000_000
BESIDE_RUNS = 5  # of those, on which other baselines and peers are run, too

# Tuning of peers to the rate that our detector (UCB95, reference of REFERENCE) realises on streams for tuning alone
OWN_RUNS = 10  # of LENGTH: where our rate is measured
TUNING_LENGTH = {"ADWIN": 10_000_000, "HDDMA": 2_000_000, "HDDMW": 2_000_000}  # where that of a peer is; HDDM is slow
TUNING_LENGTH_OF_OTHERS = 5_000_000
HALVINGS = 8  # of the range of a peer's setting

# Delay
CHANGES = (0.25, 0.3, 0.4)  # from .2
REFERENCES = (10_000, 50_000)
REPEATS = 200
BEFORE = 10_000  # observations before the change, and up to a pane more, so that changes fall anywhere in a pane
CENSORED = 40_000  # observations after the change; one that is not found by then counts as found then

# Day effects
DAY = 86_400_000_000  # µs
ROWS_A_DAY = 5_000
DAILY_SD = 0.1  # of the logarithm of the rate
WEEKEND, WEEKDAY = 1.4, -0.4  # weekly pattern of the logarithm, in DAILY_SD
REFERENCE_DAYS = 63
SCORED_DAYS = 3_600
DAY_RUNS = 150

# Binned drift of a standard normal feature, on the product's own quantile bins
DRIFT_PANE = 100
TOLERANCE = 0.02  # τ, the default of minimum_effect.drift
DRIFT_REFERENCES = (5_000, 20_000, 50_000)
DRIFT_EVENTS = 10_000_000
DRIFT_RUNS = 5  # references of each size
WITHIN = 0.0250667  # shift of the mean at which Kolmogorov's distance is τ / 2 = .01
SHIFT = 0.25  # standard deviations, to be found
SHIFTS = 100  # repeats for each size of reference
SHIFT_BEFORE = 10_000  # clean events before it

# Sample size: windows of so many rows, one a day, at 1 false alarm in 90 of them
SIZES = (30, 100, 300, 1_000, 3_000, 10_000)
SIZE_REFERENCE = 40  # windows
SIZE_RUNS = 5
WINDOWS = 1_800  # in each run

# Cost
COST_PANES = 5_000
COST_REPEATS = 5  # the best counts: noise only ever adds

# A whole model: twenty features, one of them a segment with five values; panes of a day
NUMERIC, CATEGORICAL = 14, 6
VALUES = 5  # of each categorical feature
MISSING = 0.01  # of the values of each numeric feature
RATED = 0.3  # of the rows
LABEL_DELAY_DAYS = 2
QUARTER = 90  # days; one false alarm is put up with, and one false notice
MODEL_ROWS = 150  # a day
MODEL_SAMPLE = 20  # of them in the sample of a pane
MODEL_REFERENCE_DAYS = 60
MODEL_REFERENCES = 100
MODEL_QUARTERS = 960  # in all, those of a reference one after the other
SAMPLED_REFERENCES, SAMPLED_QUARTERS = 4, 40  # with samples: what looks at single rows costs more than all else
MODEL_RISE = 0.3  # from .2, in the loss over all rows
RISE_PANE = 50
RISE_BEFORE = 40  # panes

# Tables that are not bundled: a champion learns, its errors are the reference, then it is monitored
CHAMPION_ROWS = 5_000
CHAMPION_REFERENCE = 5_000
TABLE_PANE = 50
TORNADO = {"sine1": (20_000, 50), "mixed": (20_000, 50), "circles": (25_000, 500)}  # rows from drift to drift, width
TORNADO_SEEDS = (101, 102)
TORNADO_LENGTH = 100_000
SETTLED = 1_000  # rows after a drift from which on the champion of the next one learns
FOUND_WITHIN = 5_000  # rows; a drift that is not found by then counts as found then
ELEC2_SHUFFLES = 10
ELEC2_CLEAN, ELEC2_CHANGED = 4_000, 1_000  # rows, by turns
ELEC2_FLIPPED = 0.15  # share of labels: of all, or by turns twice of those where the price is above its median
ELEC2_WARM_UP = 2_000  # rows that the prequential learner errs on before it is judged
ELEC2_NEXT_REFERENCE = 2_000  # rows after an alarm that are the reference from then on
ELEC2_WINDOW, ELEC2_RISE = 1_000, 0.05  # what counts as a rise where the truth is not known

# CBPE
CBPE_CHUNK = 5_000  # rows
SKEWED_REFERENCE = 50_000
SKEWED_CHUNKS = 40
SKEWED_LOGIT, SKEWED_SD = -6.0, 1.75  # of the probability's logarithm of odds: 1 % of the rows are positive
SKEWED_DISTORTED = 0.6  # the model's score is the probability to this power: it has to be calibrated

# Hard cases, on the same model
CASE_REFERENCES, CASE_QUARTERS = 10, 60
COPULA = 0.9
MEMORY = 0.95  # of a feature with that of the row before: a pane is worth four independent rows
WRONG_AFTER, RIGHT_AFTER = 0.25, 1.5  # mean days until a label is known; all are known in time for their cohort
WEEKEND_ROWS = 0.3  # of a weekday's: label panes then hold another mixture of quick and slow labels
SHORT_REFERENCE = 29  # panes
LATE_AFTER = 20  # days into each run; from then on a fifth of the rows have the new value
VERSION_REPEATS = 20
VERSION_BEFORE, VERSION_CHANGED, VERSION_AFTER = 30, 30, 60  # days: clean, changed, and with the new version
VERSION_WRONG = 0.15  # share of outcomes turned round by the change

# car_loan
CAR_LOAN_CHANGE = 25_000  # row of the analysis table


def _false_alarms(stream: Stream) -> list[Target]:
    path = ("false_alarms", "streams", stream.name)
    return [
        Target(f"false alarms on {stream.name}, mean of runs", (*path, "mean"), "at most", 10, "per M"),
        Target(f"false alarms on {stream.name}, worst run", (*path, "worst"), "at most", 18, "per M"),
    ]


def _delays(line: str, words: str, size: int, bounds: tuple[float, ...]) -> list[Target]:
    return [
        Target(f"delay .2 → {q:g}, {words}, reference {size:,}", (line, str(size), f"{q:g}"), "at most", bound, "rows")
        for q, bound in zip(CHANGES, bounds, strict=True)
    ]


def _drift(size: int) -> list[Target]:
    return [
        Target(f"drift, clean, reference {size:,}", ("drift", "clean", str(size)), "at most", 10, "per M"),
        Target(f"drift, KS = τ/2, reference {size:,}", ("drift", "within", str(size)), "at most", 10, "per M"),
        Target(f"drift of .25 σ, reference {size:,}", ("drift", "delay", str(size)), "at most", 1_500, "events"),
    ]


TARGETS = (
    *(target for stream in STREAMS for target in _false_alarms(stream)),
    Target("day effects at 1 per 90 d", ("day_effect", "rate"), "at most", 1, "per 90 d"),
    *_delays("delay", "i.i.d.", 10_000, (1_300, 365, 115)),
    *_delays("delay", "i.i.d.", 50_000, (1_100, 340, 110)),
    *_delays("delay_markov", "Markov ρ = .3, φ estimated", 10_000, (2_250, 600, 195)),
    *_delays("delay_markov", "Markov ρ = .3, φ estimated", 50_000, (2_250, 600, 195)),
    *(target for size in DRIFT_REFERENCES for target in _drift(size)),
    Target("whole monitor, stationary model-quarters", ("monitor", "rate"), "at most", 1, "per 90 d"),
    Target("the same, upper 95 % bound", ("monitor", "bound"), "at most", 1, "per 90 d"),
    Target("whole monitor, .2 → .3 in a performance signal", ("monitor", "delay"), "at most", 450, "rows"),
    Target("car_loan, alarms and notices before the change", ("car_loan", "early"), "at most", 0),
    Target("car_loan, change → alarm", ("car_loan", "delay"), "at most", 1_250, "labels"),
    Target("car_loan, CBPE's ROC AUC against NannyML's", ("cbpe", "car_loan"), "at most", 0.0005),
    Target("skewed scores (1 % positive), CBPE against raw rows", ("cbpe", "skewed"), "at most", 0.001),
    Target("tornado streams, drifts found", ("tornado", "found"), "at least", 0.95),
    Target("tornado streams, delay against ADWIN's", ("tornado", "delay"), "at most", 1, "×"),
    Target("tornado streams, false alarms against ADWIN's", ("tornado", "false"), "at most", 0.5, "×"),
    Target("Elec2 shuffled, precision less River's best", ("elec2_shuffled", "margin"), "at least", 0),
    Target("Elec2 as it is, precision less River's best", ("elec2", "margin"), "at least", 0),
    *(
        Target(f"clean windows of {n:,} rows", ("sample_size", "rate", str(n)), "at most", 1, "per 90 windows")
        for n in SIZES
    ),
    Target("performance e-detector, pane of 10", ("cost", "performance"), "at most", 2, "µs a row"),
    Target("binned drift, pane of 100", ("cost", "drift"), "at most", 0.2, "µs an event and feature"),
    Target("correlated features (copula ρ = .9)", ("correlated", "rate"), "at most", 1, "per 90 d"),
    Target("delay of labels that depends on the loss", ("biased_delay", "rate"), "at most", 1, "per 90 d"),
    Target("autocorrelated features", ("autocorrelated", "rate"), "at most", 1, "per 90 d"),
    Target("reference of fewer than 30 panes, judged panes", ("short_reference", "judged"), "at most", 0),
    Target("a segment that appears late", ("late_segment", "rate"), "at most", 1, "per 90 d"),
    Target("alerts for one change, with a new version after it", ("new_version", "alerts"), "at most", 1),
)
