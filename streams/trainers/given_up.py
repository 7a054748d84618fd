"""`GivenUp`: a training that was stopped from outside. It is no failure: the next worker does it again."""


class GivenUp(Exception):
    """The worker is to stop, or the trigger belongs to another worker now."""
