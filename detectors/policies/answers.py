"""What became of triggers: answers of the retraining side, outcomes, and those that nobody answers.

Who carries out commands calls `started`, `finished` and `failed`; who grades retrainings calls `note_outcome`.
"""

from detectors.policies.state import PolicyState
from detectors.situation import Situation
from schemas.command import RetrainingFinished
from schemas.trigger_outcome import TriggerOutcome

HELD_OUT = 100  # versions whose held-out loss is remembered


def started(state: PolicyState, trigger: str) -> None:
    """Note that the retraining side has taken a trigger: it has `answer_within` again to say what came of it."""
    asked = state.triggers.get(trigger)
    if asked is not None:
        asked.answered = state.now
        if asked.result == "unanswered":
            asked.result = None


def finished(state: PolicyState, command: RetrainingFinished) -> None:
    """Note that a new version is there, and how it did on held-out rows."""
    if command.held_out_loss is not None and command.held_out_rows > 0:
        state.held_out[command.new_version] = (command.held_out_loss, command.held_out_rows)
        while len(state.held_out) > HELD_OUT:
            del state.held_out[next(iter(state.held_out))]
    asked = state.triggers.get(command.trigger)
    if asked is None:
        return
    asked.answered, asked.new_version = state.now, command.new_version
    if command.checks == "failed":
        asked.result = "refused"
    elif asked.result in ("failed", "unanswered"):
        asked.result = None


def failed(state: PolicyState, trigger: str) -> None:
    """Note that no new version came of a trigger: the change may trigger again."""
    asked = state.triggers.get(trigger)
    if asked is not None:
        asked.answered, asked.result = state.now, "failed"


def note_outcome(state: PolicyState, outcome: TriggerOutcome) -> None:
    """Take what the newest outcome record says of a trigger; it decides how soon the cost policy calls again."""
    asked = state.triggers.get(outcome.trigger)
    if asked is not None:
        asked.result = outcome.status
        asked.new_version = outcome.new_version or asked.new_version


def settle(state: PolicyState, situation: Situation) -> None:
    """Give up triggers that have waited too long, so that a retraining side that is down is not taken for a busy one.

    A trigger that nobody answered counts as unanswered; one that was taken up and never finished as failed; a new
    version that never came to serve as refused. All may still be put right by what comes later.
    """
    for asked in state.triggers.values():
        if asked.result is not None or asked.version != situation.layout.version:
            continue
        if not situation.primary:  # another version has taken over, announced or not
            continue
        if asked.new_version is not None and asked.new_version == situation.tried:
            continue
        waited = situation.now - (asked.time if asked.answered is None else asked.answered)
        if waited <= situation.layout.spec.retraining.answer_within:
            continue
        if asked.answered is None:
            asked.result = "unanswered"
        else:
            asked.result = "failed" if asked.new_version is None else "refused"
