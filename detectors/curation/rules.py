"""Custom rules: rows that a person should see, whatever else is known of them."""

from itertools import zip_longest

from detectors.curation.known import Choice, Known


def rules(known: Known) -> list[tuple[str, Choice]]:
    """Return the rows that rules are true of, each with its rule: one of each rule in turn, so that none crowds out.

    They come from all rows of the pane, not from its sample (`detectors.curation.picking`).
    """
    wanted = {rule.name: rule.when for rule in known.pane.layout.spec.label_requests.rules}
    by_rule = [
        [(name, Choice(sampled, when)) for sampled in known.ruled.get(name, [])] for name, when in wanted.items()
    ]
    return [one for turn in zip_longest(*by_rule) for one in turn if one is not None]
