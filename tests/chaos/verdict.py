"""Whether a run said what it should have: each check returns what is wrong, in words; nothing where all is well."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kafka import TopicPartition

from schemas.spec import MonitorSpec
from streams.accounting import BINS, DETAILS, adds_up
from streams.compacted import newest_by_key
from streams.progress import read_progress
from streams.records import ROLES, Record, Role

from ..kafka.broker import Kafka
from .expectation import OUTPUTS, Expectation, Values, archived_rows, without_provenance
from .workers import Workers
from .workload import SEQUENCE, Plan

SHOWN = 5

Place = tuple[str, int, int]
"""Topic, partition and offset."""


class Verdict:
    """Judges one run, whose brokers are all there again."""

    def __init__(self, kafka: Kafka, spec: MonitorSpec, base: Path, plan: Plan, expected: Expectation) -> None:
        self.kafka = kafka
        self.spec = spec
        self.base = base
        self.topics = spec.kafka.topics
        self.plan = plan
        self.expected = expected
        self.published = 0
        self.repeated = 0
        """Records whose id had been published before."""

    def behind(self) -> dict[TopicPartition, tuple[int | None, int]]:
        """Return committed offset and end of each partition that has not been read to its end."""
        committed = self.kafka.committed(self.spec.kafka.group)
        found: dict[TopicPartition, tuple[int | None, int]] = {}
        for topic in (self.topics.predictions, self.topics.feedback, self.topics.summaries):
            for part, end in self.kafka.ends(topic).items():
                if end > 0 and committed.get(part) != end:
                    found[part] = (committed.get(part), end)
        return found

    def stuck(self, workers: Workers) -> list[str]:
        """Return what has not been read to its end, and what the workers say to that."""
        behind = self.behind()
        if not behind:
            return []
        lines = [
            "stuck: " + ", ".join(f"{part.topic}[{part.partition}] {at} of {end}" for part, (at, end) in behind.items())
        ]
        for worker in workers.running():
            lags = series(worker.page("metrics")[1], "lag")
            lag = {f"{labels['topic']}[{labels['partition']}]": value for labels, value in lags if value}
            lines.append(f"  {worker.name}: livez: {worker.page('livez')[1].strip()}; lag by its own word: {lag}")
        return lines

    def after(self) -> list[str]:
        """Return all that is wrong with what stands on the topics."""
        places, problems = self._places()
        problems += self._outputs()
        problems += self._letters(places)
        problems += self._accounting()
        problems += self._archive()
        return problems

    def _places(self) -> tuple[dict[Place, int], list[str]]:
        """Return where each event of the plan stands; and whether the log is the plan, each key in order."""
        places: dict[Place, int] = {}
        problems: list[str] = []
        for role in ROLES:
            newest: dict[int, int] = {}
            for record in self._read(role):
                number = dict(record.headers).get(SEQUENCE)
                if number is None:
                    continue  # a watermark
                if newest.get(record.partition, -1) >= int(number):
                    problems.append(f"sender: {role}[{record.partition}] at {record.offset}: out of order or twice")
                newest[record.partition] = int(number)
                places[record.topic, record.partition, record.offset] = int(number)
        missing = len(self.plan.events) - len(set(places.values()))
        if missing:
            problems.append(f"sender: {missing} events of the plan are not in the log")
        return places, problems[:SHOWN]

    def _outputs(self) -> list[str]:
        problems = []
        found: Values = {name: {} for name in OUTPUTS}
        for name in OUTPUTS:
            differing = 0
            for record in self._read(name):
                identifier = dict(record.headers)["ce_id"].decode()
                value = without_provenance(record.value)
                self.published += 1
                self.repeated += identifier in found[name]
                if found[name].setdefault(identifier, value) != value:
                    differing += 1
                    if differing <= SHOWN:
                        text = difference(found[name][identifier], value)
                        problems.append(f"{name}: two payloads for {identifier}: {text}")
            problems += compare(name, found[name], self.expected.outputs[name])
        return problems

    def _letters(self, places: Mapping[Place, int]) -> list[str]:
        found: dict[int, str] = {}
        problems = []
        for record in self._read("dead_letters"):
            headers = {name: value.decode(errors="replace") for name, value in record.headers if value is not None}
            place = (
                headers["__streams.errors.topic"],
                int(headers["__streams.errors.partition"]),
                int(headers["__streams.errors.offset"]),
            )
            number = places.get(place, -1)
            if number < 0 or record.value != self.plan.events[number].value:
                problems.append(f"dead_letters: {place} holds other bytes than were sent there")
            found[number] = headers["__streams.errors.exception"]
        return problems[:SHOWN] + compare("dead_letters", found, self.expected.letters)

    def _accounting(self) -> list[str]:
        """Compare the newest progress records with the accounting of the undisturbed run."""
        problems = []
        totals: dict[Role, Counter[str]] = {role: Counter() for role in ROLES}
        records = [Record(one.offset, -1, one.key, one.value) for one in self._read("progress")]
        newest = newest_by_key(records)
        if len(newest) != self.spec.kafka.partitions:
            problems.append(f"accounting: {len(newest)} progress records for {self.spec.kafka.partitions} partitions")
        for key, record in newest.items():
            for role, counts in read_progress(record.value or b"").counts.items():
                if not adds_up(counts):
                    problems.append(f"accounting: partition {key.decode()}, {role} does not add up: {counts}")
                totals[role].update(counts)
        for role, expected in self.expected.accounting.items():
            more = self.spec.kafka.partitions - 1  # a watermark for each
            wanted = {**expected, "read": expected["read"] + more, "control": expected["control"] + more}
            wrong = {
                name: (totals[role][name], wanted[name])
                for name in ("read", *BINS, "waiting", *DETAILS)
                if totals[role][name] != wanted[name]
            }
            if wrong:
                problems.append(f"accounting: {role}: found and expected differ: {wrong}")
        return problems

    def _archive(self) -> list[str]:
        """Compare the archive with that of the undisturbed run: no row twice, none missing, none different."""
        assert self.spec.archive is not None
        problems = []
        for model, rows in archived_rows(self.spec, self.spec.archive, self.base).items():
            found = Counter(map(_identity, rows))
            if twice := [name for name, count in found.items() if count > 1]:
                problems.append(f"archive: {len(twice)} rows of {model} are there twice, such as {twice[0]}")
            wanted = {_identity(row): row for row in self.expected.archived[model]}
            problems += compare(f"archive of {model}", {_identity(row): row for row in rows}, wanted)
        return problems

    def of_workers(self, workers: Workers) -> list[str]:
        """Return what the workers' own pages say that they should not: who owns what, and what they have read."""
        problems: list[str] = []
        owners: Counter[tuple[str, str]] = Counter()
        read: Counter[str] = Counter()
        for worker in workers.running():
            status, text = worker.page("livez")
            if status != 200:
                problems.append(f"workers: livez of {worker.name}: {text.strip()}")
            page = worker.page("metrics")[1]
            for labels, value in series(page, "events_read"):
                owners[labels["topic"], labels["partition"]] += 1
                read[labels["topic"]] += int(value)
            for name in ("late_summaries", "offset_gaps_total"):
                if bad := [(labels, value) for labels, value in series(page, name) if value]:
                    problems.append(f"workers: {worker.name} counts {name}: {bad[:SHOWN]}")
        wanted = {
            (getattr(self.topics, role), str(number)) for role in ROLES for number in range(self.spec.kafka.partitions)
        }
        if set(owners) != wanted or max(owners.values(), default=0) > 1:
            more = sorted(part for part, count in owners.items() if count > 1)
            problems.append(f"workers: partitions without an owner: {sorted(wanted - set(owners))}, with two: {more}")
        for role in ROLES:
            sent = sum(one.role == role for one in self.plan.events) + self.spec.kafka.partitions
            if read[getattr(self.topics, role)] != sent:
                problems.append(f"workers: {read[getattr(self.topics, role)]} {role} read by metrics, {sent} were sent")
        return problems

    def _read(self, name: str) -> list[Any]:
        return self.kafka.read(getattr(self.topics, name))


def compare(name: str, found: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> list[str]:
    """Return how two mappings differ: keys that are missing, keys that nobody expects, and values."""
    problems = []
    for what, keys in (("missing", wanted.keys() - found.keys()), ("not expected", found.keys() - wanted.keys())):
        if keys:
            source = wanted if what == "missing" else found
            shown = "; ".join(_brief(key, source[key]) for key in sorted(keys)[:SHOWN])
            problems.append(f"{name}: {len(keys)} of {len(wanted)} {what}: {shown}")
    differing = [key for key in wanted.keys() & found.keys() if wanted[key] != found[key]]
    if differing:
        first = sorted(differing)[0]
        text = difference(wanted[first], found[first])
        problems.append(f"{name}: {len(differing)} of {len(wanted)} say something else, such as {first}: {text}")
    return problems


def _identity(row: Mapping[str, Any]) -> str:
    return f"{row['prediction_id']} of version {row['version']}"


def _brief(key: Any, value: Any) -> str:
    if not isinstance(value, dict):
        return f"{key} ({value})"
    parts = [str(value[name]) for name in ("model", "version", "family", "signal", "policy", "start") if name in value]
    return f"{key} ({' '.join(parts)})"


def difference(one: Any, other: Any, path: str = "") -> str:
    """Return where two values begin to differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            if one.get(name) != other.get(name):
                return difference(one.get(name), other.get(name), f"{path}.{name}")
    if isinstance(one, list) and isinstance(other, list):
        for number, (left, right) in enumerate(zip(one, other, strict=False)):
            if left != right:
                return difference(left, right, f"{path}[{number}]")
        return f"{path}: {len(one)} and {len(other)} entries"
    return f"{path}: {json.dumps(one)[:100]} and {json.dumps(other)[:100]}"


def series(page: str, name: str) -> Iterable[tuple[dict[str, str], float]]:
    """Yield labels and value of each series of a metric."""
    for found in re.finditer(rf"^streamgauge_{name}\{{(.*)\}} (\S+)$", page, re.M):
        yield dict(re.findall(r'(\w+)="([^"]*)"', found[1])), float(found[2])
