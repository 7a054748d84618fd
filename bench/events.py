"""The events of every benchmark: a pure function of their number, so that all consumers see the same bytes.

Event `i` happened `i * STEP_MS` after `BEGIN_MS`. Features, output and latency come from a pool of bodies drawn once;
the pool is far larger than a batch, so compression finds no repetitions. Needs nothing but the standard library: it
also runs in the environment of the peers.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STEP_MS = 6
"""Milliseconds of event time between two events: 100,000 of them are a pane of ten minutes."""
POOL = 20_011
SEED = 7
VERSION = "7"
POSITIVE, NEGATIVE = "yes", "no"
RIGHT = 9  # of ten predictions; the reference's share, too

NUMERIC = ("income", "debt", "age", "tenure", "balance", "rate", "visits", "risk")
CATEGORICAL = ("city", "job")
CITIES = ("Amsterdam", "Berlin", "Lisbon", "Madrid", "Paris", "Prague", "Rome", "Vienna")
JOBS = ("clerk", "driver", "farmer", "nurse", "teacher", "trader")


def time_of(number: int) -> datetime:
    """Return the event time of prediction `number`."""
    return BEGIN + timedelta(milliseconds=number * STEP_MS)


@lru_cache(maxsize=1024)
def _minute(minute: int) -> str:
    return (BEGIN + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:")


def timestamp(milliseconds: int) -> str:
    """Return RFC 3339 text of a moment, given in milliseconds after `BEGIN`."""
    minute, rest = divmod(milliseconds, 60_000)
    return f"{_minute(minute)}{rest // 1000:02d}.{rest % 1000:03d}Z"


def prediction_id(number: int) -> str:
    return f"p-{number:010d}"


def features(rng: random.Random) -> dict[str, float | str]:
    """Draw what a model saw: mostly full-precision floats, as a feature store hands them out."""
    return {
        "income": round(rng.lognormvariate(10.5, 0.4), 2),
        "debt": rng.betavariate(2, 5),
        "age": rng.uniform(18, 80),
        "tenure": rng.expovariate(0.2),
        "balance": round(rng.gauss(1_500, 900), 2),
        "rate": rng.gammavariate(2, 1.5),
        "visits": rng.gauss(0, 1),
        "risk": rng.random(),
        "city": rng.choice(CITIES),
        "job": rng.choice(JOBS),
    }


def row(rng: random.Random) -> dict[str, object]:
    """Draw a prediction without its id, model and time."""
    score = rng.random()
    return {
        "features": features(rng),
        "output": {"label": POSITIVE if score >= 0.5 else NEGATIVE, "score": score},
        "latency_ms": round(rng.uniform(1, 20), 3),
    }


@lru_cache(maxsize=1)
def pool() -> tuple[list[str], list[str]]:
    """Return the bodies as JSON text without their braces, and the label that each predicts."""
    rng = random.Random(SEED)
    rows = [row(rng) for _ in range(POOL)]
    return [json.dumps(one)[1:-1] for one in rows], [str(one["output"]["label"]) for one in rows]  # type: ignore[index]


def outcome(number: int, predicted: str) -> str:
    """Return what came true of prediction `number`."""
    right = number * 2_654_435_761 % 2**32 % 10 < RIGHT
    return predicted if right else (NEGATIVE if predicted == POSITIVE else POSITIVE)


def model_name(number: int) -> str:
    return f"m-{number:03d}"


def predictions(start: int, stop: int, models: int = 1, stride: int = 1) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of each `stride`-th prediction from `start` to `stop` - 1, dealt out to `models` in turn."""
    bodies, _ = pool()
    names = [model_name(number) for number in range(models)]
    for number in range(start, stop, stride):
        key = prediction_id(number)
        value = (
            f'{{"prediction_id": "{key}", "model": "{names[number % models]}", "version": "{VERSION}", '
            f'"timestamp": "{timestamp(number * STEP_MS)}", {bodies[number % POOL]}}}'
        )
        yield key.encode(), value.encode()


def feedback(start: int, stop: int, delay_ms: int, models: int = 1) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of the outcomes of predictions `start` to `stop` - 1, known `delay_ms` after each."""
    _, labels = pool()
    names = [model_name(number) for number in range(models)]
    for number in range(start, stop):
        key = prediction_id(number)
        value = (
            f'{{"prediction_id": "{key}", "model": "{names[number % models]}", '
            f'"timestamp": "{timestamp(number * STEP_MS + delay_ms)}", '
            f'"source": "outcome", "label": "{outcome(number, labels[number % POOL])}"}}'
        )
        yield key.encode(), value.encode()


def watermark(milliseconds: int) -> bytes:
    """Return a watermark event: nothing older than this is still to come in its partition."""
    return json.dumps({"type": "watermark", "timestamp": timestamp(milliseconds)}).encode()
