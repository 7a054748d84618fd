"""`backtest`: replay history under many policies, and write what each would have cost.

Same input, same bytes: nothing here reads a clock, and what is drawn is drawn from a fixed seed.
"""

import gc
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from detectors.layouts import Layouts
from schemas.event_time import EARLIEST, LATEST, Micros
from schemas.spec import MonitorSpec
from schemas.trainer_spec import CommandTrainer
from streams.backtest.candidates import Candidates, learner_of
from streams.backtest.contenders import Contenders, Profiles
from streams.backtest.decision_points import MOST, decision_points, newest_matured
from streams.backtest.document import document
from streams.backtest.history import History
from streams.backtest.history_tables import rows_of_tables
from streams.backtest.oracle import best_in_hindsight
from streams.backtest.page import write_backtest_page
from streams.backtest.prices import prices_of
from streams.backtest.recommendation import recommend
from streams.backtest.result import Result, outcome_of
from streams.backtest.table import print_result
from streams.errors import UserError
from streams.files import load_layouts
from streams.spec_errors import did_you_mean
from streams.trainer import FittedModel
from streams.trainers.choose import trainer_of

Learn = Callable[[pa.Table], FittedModel]
Tell = Callable[[str], None]
Step = Callable[[str], None]


def backtest(
    spec: MonitorSpec,
    base: Path,
    model: str | None,
    *,
    out: Path | None = None,
    as_json: bool = False,
    decisions: int = MOST,
    archive: bool = False,
    delay: Micros = 0,
) -> None:
    """Run and print a backtest of a model; write backtest.json and backtest.html where `out` is given.

    Raises
    ------
    UserError
        When there is no such model, its task cannot be fitted again, or its history has nothing to decide on.
    """
    name = chosen(spec, model)
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{out}: cannot be made a directory: {error.strerror}") from error
    notes: list[str] = []
    layouts = load_layouts(spec, base)
    table = archived_rows(spec, base, name) if archive else rows_of_tables(spec, base, name, layouts, notes.append)
    trainer = spec.models[name].retraining.trainer
    if isinstance(trainer, CommandTrainer):
        if trainer.predict is None:
            raise UserError(
                f"models.{name}.retraining.trainer.predict: without it nobody can ask a command's model, and a "
                "backtest asks what each would have answered"
            )
        notes.append("a command trains each candidate in a directory of its own: that may take long")
    learn = learner_of(trainer_of(spec, name, base), directories=isinstance(trainer, CommandTrainer))
    with _still_heap(), _progress() as step:
        result = replayed(spec, name, table, layouts, learn, notes, decisions=decisions, delay=delay, step=step)
    advice = recommend(result.outcomes, name)
    whole = document(result, advice)
    if out is not None:
        _write(out / "backtest.json", json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
        write_backtest_page(out, result, advice)
    if as_json:
        print(json.dumps(whole, ensure_ascii=False))  # noqa: T201
    else:
        print_result(Console(), result, advice, out)


def chosen(spec: MonitorSpec, model: str | None) -> str:
    """Return the model that is meant.

    Raises
    ------
    UserError
        When there is no such model, several and none is named, or one that writes text.
    """
    if model is None:
        if len(spec.models) > 1:
            raise UserError(f"MODEL: which one? There are {', '.join(spec.models)}")
        model = next(iter(spec.models))
    if model not in spec.models:
        hint = did_you_mean(model, spec.models)
        raise UserError(f"MODEL: {model!r} is not in the monitor file; those are {', '.join(spec.models)}{hint}")
    if spec.models[model].task == "text":
        raise UserError(
            f"models.{model}: what another model would have written, and what people would have said of it, is in no "
            "history; backtest is for binary, multiclass and regression. The outcomes of triggers say what "
            "retrainings of a text model were worth"
        )
    return model


def replayed(
    spec: MonitorSpec,
    model: str,
    table: pa.Table,
    layouts: Layouts,
    learn: Learn,
    notes: list[str],
    *,
    decisions: int = MOST,
    delay: Micros = 0,
    step: Step = lambda _: None,
) -> Result:
    """Return what each policy would have cost over a history.

    Parameters
    ----------
    notes
        What is known of how the table came about; what is left out is added.
    step
        Is told what is being done.
    """
    history = History(model, spec.models[model], table, notes.append)
    points = decision_points(history, delay, decisions)
    if points.panes > len(points):
        notes.append(
            f"{points.panes} cohorts are judged; a retraining begins at one of {len(points)} of them (--decisions)"
        )
    silent = 1 - history.labelled.mean()
    if silent > 0:
        notes.append(f"{silent:.1%} of the rows have no label and cost nothing here, whoever answers them")
    profiles: Profiles = dict(layouts.profiles(model))
    if None not in profiles and profiles:
        profiles[None] = profiles[max(profiles, key=lambda one: (profiles[one].end, str(one)))]
        notes.append("simulated versions are judged by the newest of the references")
    prices = prices_of(spec.models[model], layouts.of(model, history.versions[0]), history)
    if prices.assumed:
        notes.append(
            f"costs.retraining is not declared: a retraining is taken to cost {prices.retraining:,.4g} "
            "(the loss of 2,000 reference predictions)"
        )
    share = spec.models[model].retraining.dataset.holdout
    candidates = Candidates(history, points, prices, learn, share, lambda: step("candidate"))
    runs = []
    for contender in Contenders(candidates, profiles, prices.retraining).all():
        step(contender.name)
        runs.append((contender, contender.run()))
    step("the best in hindsight")
    window = candidates.compared_on
    for point, moment in enumerate(points.moments.tolist()):
        candidates.of(history.start, point)
        candidates.of(newest_matured(history, moment, window), point)
    best = best_in_hindsight(candidates)
    failed = [done for _, courses in runs for course in courses for done in course.retrainings if done.came == "failed"]
    if failed and len(candidates.fitted) == 1:
        raise UserError(f"{model}: no model could be trained, not even once. The first time: {failed[0].reason}")
    if failed:
        notes.append(f"{len(failed)} trainings failed and are paid for. The first: {failed[0].reason}")
    outcomes = [outcome_of(contender, courses, best) for contender, courses in runs]
    return Result(
        model=model,
        unit=prices.unit,
        retraining=prices.retraining,
        assumed=prices.assumed,
        rows=len(history),
        labelled=int(history.labelled.sum()),
        start=history.start,
        end=history.end,
        decisions=len(points),
        panes=points.panes,
        delay=delay,
        fitted=len(candidates.fitted) - 1,
        outcomes=sorted(outcomes, key=lambda one: (one.total, one.name)),
        best=best,
        moments=[history.start, *(points.serves_from(point) for point in range(len(points)))],
        notes=notes,
    )


def archived_rows(spec: MonitorSpec, base: Path, model: str) -> pa.Table:
    """Return all rows of a model in the archive of a monitor file.

    Raises
    ------
    UserError
        When there is no archive, or nothing of the model in it.
    """
    if spec.archive is None:
        raise UserError("--from-archive: the monitor file has no 'archive:', so no rows are kept")
    from streams.archive import Archive

    return Archive(spec.archive, base).rows(model, spec.models[model], EARLIEST, LATEST)


@contextmanager
def _still_heap() -> Iterator[None]:
    """Keep what is there by now from being searched for garbage again and again, while millions of answers come and go.

    On 50,000 rows that takes as long as the models take to answer.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def _progress() -> Iterator[Step]:
    """Show what is being done and how many candidates were trained, where somebody looks."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("backtest"), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TextColumn("models trained"), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def step(what: str) -> None:
            if what == "candidate":
                bar.advance(task)
            else:
                bar.update(task, description=what)

        yield step


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
