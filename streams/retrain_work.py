"""`RetrainWork`: what a retraining worker keeps on its disk, so that a kill at any point costs no more than a step.

    datasets/<trigger>/         the dataset
    models/<model>/<version>/   `ModelRegistry`
    suites/<model>.json         the hardest points of the past, for the offline tests
    triggers/<trigger>/         attempts, the reports as they are sent, and what the offline tests said

Nothing here is the truth about what was reported: the commands topic is. A lost disk costs the work, and a version that
is made again is the same.
"""

import json
import shutil
from pathlib import Path

from pydantic import BaseModel

from schemas.trigger import RetrainingTrigger
from streams.errors import UserError
from streams.model_registry import ModelRegistry, path_name
from streams.retrain_reports import Report, decoded, encoded
from streams.whole_file import whole_file

DATASETS = 20  # that are kept, the newest ones


class RetrainWork:
    """A directory; workers of one machine may share it.

    Raises
    ------
    UserError
        When it cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.models = ModelRegistry(self.root / "models")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--work {root}: cannot be made a directory: {error.strerror}") from None

    def dataset(self, trigger: RetrainingTrigger) -> Path:
        """Return where the dataset of a trigger is, or would be."""
        return self.root / "datasets" / path_name(trigger.id)

    def suite(self, model: str) -> Path:
        """Return where the hardest points of a model are, or would be."""
        path = self.root / "suites" / f"{path_name(model)}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def make_room(self) -> None:
        """Delete the datasets of long ago: a trigger's can be made again from the archive."""
        made = sorted((self.root / "datasets").glob("[!.]*"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in made[DATASETS:]:
            shutil.rmtree(path, ignore_errors=True)

    def begin(self, trigger: RetrainingTrigger) -> int:
        """Note that a trigger is begun, and return for which time; `given_up` takes it back."""
        attempt = self._attempts(trigger) + 1
        self._write(trigger, "attempts", json.dumps(attempt).encode())
        return attempt

    def given_up(self, trigger: RetrainingTrigger) -> None:
        """Note that it was stopped in good order: that is no attempt."""
        self._write(trigger, "attempts", json.dumps(max(self._attempts(trigger) - 1, 0)).encode())

    def forget(self, trigger: RetrainingTrigger) -> None:
        """Delete what was made of a trigger, its reports first: it is begun anew, with nothing of before."""
        shutil.rmtree(self._place(trigger), ignore_errors=True)
        self.models.remove(trigger.model, self.models.version_for(trigger.model, trigger.id))
        shutil.rmtree(self.dataset(trigger), ignore_errors=True)

    def kept(self, trigger: RetrainingTrigger, step: str) -> Report | None:
        """Return a report that was written before it was sent, or None."""
        try:
            return decoded((self._place(trigger) / f"{step}.json").read_bytes())
        except OSError:
            return None

    def keep(self, trigger: RetrainingTrigger, step: str, report: Report) -> None:
        """Write a report; what is sent again is then the same, to the last byte."""
        self._write(trigger, f"{step}.json", encoded(report))

    def note(self, trigger: RetrainingTrigger, name: str, record: BaseModel) -> None:
        """Write what there is to be said about the work on a trigger."""
        self._write(trigger, f"{name}.json", record.model_dump_json(indent=1).encode() + b"\n")

    def _attempts(self, trigger: RetrainingTrigger) -> int:
        try:
            return int(json.loads((self._place(trigger) / "attempts").read_bytes()))
        except (OSError, ValueError, TypeError):
            return 0

    def _place(self, trigger: RetrainingTrigger) -> Path:
        return self.root / "triggers" / path_name(trigger.id)

    def _write(self, trigger: RetrainingTrigger, name: str, content: bytes) -> None:
        with whole_file(self._place(trigger) / name, durable=True) as beside:
            beside.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(content)
