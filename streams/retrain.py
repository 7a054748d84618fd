"""`Retraining`: one trigger, from its rows to the report of what came of it.

1. What was reported before is looked up by the caller: a trigger with a final report is not begun.
2. `retraining_started`.
3. The dataset. Where the archive has fewer rows than the trigger counted, it is waited for: it is written beside us.
4. The training, into a directory of the registry.
5. The held-out rows, older versions, and the offline tests.
6. `retraining_finished` or `retraining_failed`: written to disk, then sent.

Each step leaves its result whole or not at all, and one that is there is not done again. A step that fails is reported
with its reason; only a stop from outside is not.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

from schemas.event_time import Micros
from schemas.spec import MonitorSpec
from schemas.trigger import RetrainingTrigger
from streams.dataset import MANIFEST, form_dataset, read_manifest, sha256_of
from streams.dataset_archive import ModelArchive
from streams.errors import UserError
from streams.retrain_check import chosen
from streams.retrain_reports import Report, failed, finished, started
from streams.retrain_work import RetrainWork
from streams.trainers.choose import trainer_of
from streams.trainers.given_up import GivenUp

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 5  # of a trigger; a training that takes the worker down with it is given up then
ARCHIVE_PATIENCE = 60.0  # seconds for rows that the trigger counted and the archive has not yet
ASK_AGAIN = 2.0  # seconds between two looks at the archive


class Retraining:
    """Carries out triggers of one monitor file.

    Parameters
    ----------
    base
        Directory of the monitor file.
    report
        Sends a report, and returns when it is durable.
    time_of
        Event time of a report about a trigger that is made now.
    stopping
        Whether to leave off; asked between steps, and by what can be interrupted.
    patience
        Seconds to wait for the archive.
    """

    def __init__(
        self,
        spec: MonitorSpec,
        base: Path,
        work: RetrainWork,
        report: Callable[[Report], None],
        time_of: Callable[[RetrainingTrigger], Micros],
        stopping: Callable[[], bool] = lambda: False,
        patience: float = ARCHIVE_PATIENCE,
    ) -> None:
        self._spec, self._base, self._work = spec, base, work
        self._report, self._time_of, self._stopping, self._patience = report, time_of, stopping, patience

    def carry_out(self, trigger: RetrainingTrigger) -> Report:
        """Do what a trigger asks for, and return its final report, which was sent.

        Raises
        ------
        GivenUp
            When it was stopped; nothing final was reported.
        """
        work = self._work
        final = work.kept(trigger, "final")
        if final is None:
            attempt = work.begin(trigger)
            try:
                final = self._begun(trigger, attempt)
                if final.type == "retraining_failed":
                    self._go_on()  # whoever has the trigger now may have taken our files away
            except BaseException:
                work.given_up(trigger)  # what counts is that the worker was gone without a word
                raise
            work.keep(trigger, "final", final)
            work.make_room()
            if final.type == "retraining_finished":
                self._tidy(trigger, final.new_version)
        self._go_on()
        self._report(final)
        log.info("trigger %s: %s: %s", trigger.id, final.type.replace("_", " "), final.reason)
        return final

    def _begun(self, trigger: RetrainingTrigger, attempt: int) -> Report:
        self._go_on()
        start = self._work.kept(trigger, "started")
        if start is None:
            start = started(trigger, self._time_of(trigger), f"{trigger.how} training for: {trigger.reason}")
            self._work.keep(trigger, "started", start)
        self._report(start)
        log.info("trigger %s (%s %s): started, attempt %d", trigger.id, trigger.model, trigger.version, attempt)
        try:
            if attempt > MOST_ATTEMPTS:
                raise UserError(f"the worker ended {attempt - 1} times in the middle of it: out of memory, perhaps")
            return self._carried_out(trigger)
        except GivenUp:
            raise
        except UserError as error:
            return failed(trigger, self._time_of(trigger), str(error))
        except (Exception, SystemExit) as error:  # whatever else fails ends this trigger, and not the worker
            log.exception("trigger %s: failed in a way that nobody foresaw", trigger.id)
            return failed(trigger, self._time_of(trigger), f"unexpectedly: {type(error).__name__}: {error}")

    def _carried_out(self, trigger: RetrainingTrigger) -> Report:
        dataset = self._dataset(trigger)
        self._go_on()
        version = self._trained(trigger, dataset)
        self._go_on()
        found = chosen(self._spec, self._base, self._work, trigger, version)
        return finished(
            trigger,
            self._time_of(trigger),
            " ".join([found.reason, *_not_had(dataset)]),
            new_version=found.version,
            held_out_loss=found.held_out.loss,
            held_out_rows=round(found.held_out.effective),
            checks=found.checks,
            model_uri=self._work.models.directory(trigger.model, found.version).as_uri(),
        )

    def _dataset(self, trigger: RetrainingTrigger) -> Path:
        """Return the dataset: made once the archive has what the trigger counted, or has had its time."""
        out = self._work.dataset(trigger)
        if (out / MANIFEST).exists():
            return out
        archive = ModelArchive(self._spec, self._base, trigger.model)
        beside, end = out.with_name(f".{out.name}.making"), monotonic() + self._patience
        while True:
            last = monotonic() >= end
            try:
                manifest = form_dataset(self._spec, trigger, archive, beside)
                if last or manifest["window"]["rows"]["labelled"] >= trigger.train_on.labelled_rows:
                    break
                wanting = "; ".join(manifest["not_had"])
            except UserError as error:
                if last:
                    raise
                wanting = str(error)
            log.info("trigger %s: waiting for the archive: %s", trigger.id, wanting)
            sleep(ASK_AGAIN)
            self._go_on()
        beside.replace(out)
        rows = {name: part["rows"] for name, part in manifest["files"].items()}
        log.info("trigger %s: dataset in %s: %s", trigger.id, out, rows)
        return out

    def _trained(self, trigger: RetrainingTrigger, dataset: Path) -> str:
        models, model = self._work.models, trigger.model
        version = models.version_for(model, trigger.id)
        champion = models.directory(model, trigger.version) if models.has(model, trigger.version) else None
        trainer = trainer_of(self._spec, model, self._base, how=trigger.how, champion=champion, stopping=self._stopping)
        begun = monotonic()
        directory = models.made(
            model,
            version,
            lambda place: trainer.train(dataset, place),
            trigger=trigger.id,
            replaces=trigger.version,
            how=trigger.how,
            begun_from=trigger.version if trigger.how == "warm_start" and champion is not None else None,
            dataset=sha256_of(dataset / MANIFEST),
        )
        log.info("trigger %s: version %s in %s, in %.1f s", trigger.id, version, directory, monotonic() - begun)
        return version

    def _tidy(self, trigger: RetrainingTrigger, reported: str) -> None:
        """Delete what was trained where an older version was better: it would only be mistaken for one that counts."""
        version = self._work.models.version_for(trigger.model, trigger.id)
        if version != reported:
            self._work.models.remove(trigger.model, version)

    def _go_on(self) -> None:
        if self._stopping():
            raise GivenUp("asked to stop")


def _not_had(dataset: Path) -> list[str]:
    """Return what the dataset lacks, as sentences of a report."""
    return [f"Not to be had: {each}." for each in read_manifest(dataset).get("not_had", [])]
