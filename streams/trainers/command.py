"""`CommandTraining`: any program that reads a dataset's directory and writes a model directory."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import pyarrow as pa

from schemas.event_time import SECOND, format_duration
from schemas.spec import ModelSpec
from schemas.trainer_spec import CommandTrainer, filled
from streams.errors import UserError
from streams.trainer import FittedModel
from streams.trainers import leash
from streams.trainers.given_up import GivenUp
from streams.trainers.model_meta import META, write_meta
from streams.trainers.named_model import NamedModel

LOG = "training.log"
TYPE = "command"
POLL = 0.1  # seconds
GRACE = 10.0  # seconds from asking a program to end to ending it
LAST_LINES, LAST_CHARACTERS = 10, 1_200


class CommandTraining:
    """Runs the program of the monitor file, in the directory of that file and without a shell.

    Parameters
    ----------
    base
        Directory of the monitor file.
    stopping
        Asked ten times a second; once it says so, the program is ended and `GivenUp` raised.
    """

    incremental = False

    def __init__(
        self,
        spec: CommandTrainer,
        settings: ModelSpec,
        base: Path,
        where: str,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._spec, self._settings, self._base, self._where, self._stopping = spec, settings, base, where, stopping

    def train(self, dataset: Path, model: Path) -> None:
        """Run it with the two directories in place of {dataset} and {model}; what it says goes to `training.log`.

        Raises
        ------
        UserError
            When it fails, writes nothing, takes too long, or `predict` cannot read what it wrote.
        """
        places = {"dataset": str(dataset.resolve()), "model": str(model.resolve())}
        command = [filled(part, places) for part in self._spec.command]
        environment = {
            **os.environ,
            "STREAMGAUGE_DATASET": places["dataset"],
            "STREAMGAUGE_MODEL": places["model"],
            "STREAMGAUGE_BASE": str(self._base.resolve()),
        }
        log = model / LOG
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-I", leash.__file__, *command],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self._base,
                env=environment,
                start_new_session=True,
            )
        code = self._ended(process)
        if code is None:
            raise UserError(
                f"{self._where}.timeout: {command[0]} was ended after {format_duration(self._spec.timeout)}{_said(log)}"
            )
        if code:
            how = f"was ended by signal {code - 128}" if code > 128 else f"ended with exit code {code}"
            raise UserError(f"{self._where}.command: {command[0]} {how}{_said(log)}")
        if not any(path.name not in (LOG, META) for path in model.iterdir()):
            raise UserError(f"{self._where}.command: {command[0]} wrote nothing into the model directory{_said(log)}")
        write_meta(model, TYPE, self._settings, command=self._spec.command, predict=self._spec.predict, notes=[])
        if self._spec.predict is not None:
            self.load(model)  # what cannot be asked is no candidate: that is a failure of the training

    def fit(self, rows: pa.Table) -> FittedModel:  # noqa: ARG002
        """Refuse: a program works on directories.

        Raises
        ------
        UserError
            Always.
        """
        raise UserError(f"{self._where}: a command trains on directories, and not on rows in memory")

    def load(self, model: Path) -> FittedModel:
        """Return what the `predict` function of the monitor file makes of a model directory."""
        if self._spec.predict is None:
            raise UserError(f"{self._where}.predict is not given: without it nobody can ask a command's model")
        return NamedModel(self._spec.predict, self._settings, self._base, model, f"{self._where}.predict")

    def _ended(self, process: "subprocess.Popen[bytes]") -> int | None:
        """Return the exit code, None after the timeout. Nothing of the process group is left then."""
        end = monotonic() + self._spec.timeout / SECOND
        try:
            while True:
                if _has_ended(process.pid):
                    break
                if self._stopping():
                    _end(process)
                    raise GivenUp(f"{self._where}.command was ended before it was through")
                if monotonic() > end:
                    _end(process)
                    return None
                sleep(POLL)
            _signal(process, signal.SIGKILL)  # what the program left behind; it has not been waited for: its id is ours
            return process.wait()
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait()


def _has_ended(process: int) -> bool:
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ask the process group to end, and after a while make it."""
    _signal(process, signal.SIGTERM)
    end = monotonic() + GRACE
    while monotonic() < end and not _has_ended(process.pid):
        sleep(POLL)
    _signal(process, signal.SIGKILL)


def _signal(process: "subprocess.Popen[bytes]", number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nothing is left of the group
        os.killpg(process.pid, number)


def _said(log: Path) -> str:
    """Return the last lines of what a program said, for a message."""
    text = log.read_bytes()[-8 * LAST_CHARACTERS :].decode(errors="replace")
    lines = [line for line in text.splitlines() if line.strip()][-LAST_LINES:]
    said = "\n".join(lines)[-LAST_CHARACTERS:]
    return f"; it said last:\n{said}" if said else "; it said nothing"
