"""What policies say while an alarm of data quality is open: what it keeps out, and how to get it back in. Pure."""

from detectors.situation import Broken, Situation
from detectors.wording import way_out
from schemas.event_time import rfc3339


def left_out(situation: Situation) -> str | None:
    """Return which judged cohorts nothing counts, and why; None where there are none.

    Cohorts that an alarm has kept out since it ended are not among them: nothing can bring them back.
    """
    defect, cohorts = situation.defect, situation.left_out
    if defect is None or not cohorts:
        return None
    one = len(cohorts) == 1
    return (
        f"{len(cohorts)} judged cohort{'' if one else 's'} since {rfc3339(cohorts[0].start)} "
        f"{'is' if one else 'are'} left out: {an_alarm(defect)}"
    )


def an_alarm(defect: Broken) -> str:
    """Return that an alarm is open, and of what."""
    return "an alarm of data quality is open" + (f" ({defect.what})" if defect.what else "")


def mended(situation: Situation) -> str:
    """Return what has to happen for the data to count again."""
    defect = situation.defect
    if defect is None or not defect.episode:
        return "that it ends: mend the data"
    return f"that it ends: mend the data, or say that it is right: {way_out(situation.layout.model, defect.episode)}"
