"""Errors that a person can mend: where, what is allowed, what to do. The command line prints them without a trace."""


class UserError(Exception):
    """Bad input or configuration; exit code 2.

    The message says where it happened, what was found and what to do about it.
    """


class Stopped(Exception):
    """The worker stopped on purpose, before it would have done harm."""

    exit_code = 1


class Unreachable(Stopped):
    """A place outside that cannot be written to just now; it may be worth another try. `what` says what and why."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}. Mend that and start again")
        self.what = what


class StateDiffers(Stopped):
    """The state was made with another monitor file; a person chooses which of the two holds."""

    exit_code = 2
