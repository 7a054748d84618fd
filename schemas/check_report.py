"""`CheckReport`: what the offline tests found of a candidate: one verdict with its reasons, then test by test."""

from typing import Literal

from pydantic import Field

from schemas.contract import Record
from schemas.prediction import FeatureValue

Verdict = Literal["passed", "failed", "unknown"]
"""Unknown: it could not be told, and the reason says why. It is never taken for passed."""


class ShownRow(Record):
    """A row that shows what a finding says."""

    id: str | None = Field(None, description="Its prediction_id; none where it was made up")
    features: dict[str, FeatureValue] = Field(default_factory=dict)
    said: dict[str, str] = Field(default_factory=dict, description="Candidate, champion, truth and the like, in words")


class Finding(Record):
    """One thing that a test found."""

    verdict: Verdict | Literal["information"]
    text: str = Field(description="One sentence")
    numbers: dict[str, float | None] = Field(default_factory=dict)
    rows: list[ShownRow] = Field(default_factory=list, description="Some of the rows that show it, the worst first")


class ResultTable(Record):
    """Numbers by feature or slice."""

    columns: list[str]
    rows: list[list[str | float | None]]


class CheckResult(Record):
    """What one test says."""

    name: str
    title: str = Field(description="What it asks, in words")
    verdict: Verdict
    required: bool = Field(False, description="Whether unknown here leaves the whole verdict unknown")
    reason: str = Field(description="One sentence")
    numbers: dict[str, float | None] = Field(default_factory=dict)
    findings: list[Finding] = Field(default_factory=list, description="Failed ones first")
    table: ResultTable | None = None
    weakness: list[str] = Field(default_factory=list, description="How it can mislead, where that is not plain")


class CheckReport(Record):
    """The verdict on a candidate. It depends on what was checked alone: checked again, it is the same."""

    format: Literal[1] = 1
    id: str = Field(description="The same for the same candidate, rows and trigger")
    model: str
    candidate: str
    champion: str = Field(description="What it was compared with")
    trigger: str | None = None
    verdict: Verdict = Field(
        description="failed where a test failed; else unknown where one that is required could not tell; else passed"
    )
    reasons: list[str] = Field(description="Why, a sentence each; the gravest first")
    rows: dict[str, int] = Field(description="Rows by what they were used for, and those given")
    seed: int
    notes: list[str] = Field(default_factory=list, description="What its dataset could not have, a sentence each")
    results: list[CheckResult]

    @property
    def passed(self) -> bool:
        """Whether the candidate may go on."""
        return self.verdict == "passed"
