"""What a replay writes: one file for each kind of output, and the accounting."""

from pathlib import Path

from streams.records import Destination

FILES: dict[Destination, str] = {
    "alerts": "alerts.jsonl",
    "triggers": "triggers.jsonl",
    "pane_reports": "panes.jsonl",
    "schema_changes": "schema_changes.jsonl",
    "decisions": "decisions.jsonl",
    "advice": "advice.jsonl",
    "outcomes": "outcomes.jsonl",
    "serving": "serving.jsonl",
    "label_requests": "label_requests.jsonl",
    "dead_letters": "dead_letters.jsonl",
}
ACCOUNTING = "accounting.json"


def with_content(out: Path) -> list[str]:
    """Return the names of those in `out` that hold anything."""
    names = [*FILES.values(), ACCOUNTING]
    return [name for name in names if (out / name).is_file() and (out / name).stat().st_size > 0]
