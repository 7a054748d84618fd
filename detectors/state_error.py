"""`StateError`: the one error of the state codec."""


class StateError(ValueError):
    """A state cannot be written, or bytes are no state: they are damaged, of another version, or name a stranger."""
