"""What to do about refused rows: a remedy by what the refusal says, and a warning where many rows are refused.

What is left where the value decides on the refusal is no fair sample: nothing here puts that right, it is told.
"""

import re
from collections.abc import Iterable, Mapping

from streams.records import ROLES, Role
from streams.report_dead_letters import DeadLetters

MUCH = 0.01  # of the rows of a role; a reference with more of them is refused as a whole

_TOO_LARGE = r": Input should be less than or equal to 1, found"
_REMEDIES = (
    (rf"\brating{_TOO_LARGE}", "a rating is 0 to 1; map 1 to 5 stars with (r - 1) / 4"),
    (
        rf"\b(score|probabilities\.[^;]*?){_TOO_LARGE} ([2-9]|\d\d)",
        "probabilities are 0 to 1; these look like per cent",
    ),
)


def remedy(message: str) -> str:
    """Return what to do about what `message` refuses, as `; what to do`, or nothing."""
    return next((f"; {what}" for pattern, what in _REMEDIES if re.search(pattern, message)), "")


def much_refused(
    counts: Mapping[Role, Mapping[str, int]], topics: Mapping[Role, str], letters: Iterable[DeadLetters]
) -> list[str]:
    """Return a warning for each role of whose rows much was refused, with the most frequent reason.

    Parameters
    ----------
    counts
        Of the accounting, by role.
    letters
        What was refused, by topic and reason.
    """
    lines, letters = [], list(letters)
    for role in ROLES:
        rows = counts[role]["read"] - counts[role]["control"]
        refused = counts[role]["dead_lettered"]
        if refused <= MUCH * rows:
            continue
        mine = [each for each in letters if each.topic == topics[role] and each.examples]
        worst = max(mine, key=lambda each: (each.count, each.reason), default=None)
        why = "" if worst is None else f", such as {worst.examples[0]}{remedy(worst.examples[0])}"
        lines.append(
            f"warning: {100 * refused / rows:.1f} % of {role} was refused ({refused:,} of {rows:,}){why}. What is left "
            "is no fair sample: what is said below of performance and outcomes may be wrong"
        )
    return lines
