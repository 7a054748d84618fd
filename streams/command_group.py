"""`group`: commands that belong together. What a person can mend is a message and an exit code, never a trace."""

from typing import Any

import typer
from typer.core import TyperGroup

from streams.errors import Stopped, UserError


class Commands(TyperGroup):
    """Turns what a person can mend into a message and an exit code, whichever command it comes from."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that `ctx` names."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            _say(str(error))
            raise typer.Exit(2) from None
        except Stopped as error:
            _say(str(error))
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


def _say(text: str) -> None:
    """Write a message; a file's name or content in it does not drive the terminal."""
    from streams.report_text import clean

    typer.echo("\n".join(map(clean, text.split("\n"))), err=True)


def group(help: str) -> typer.Typer:
    """Return a group that commands are entered in; its help says what they have in common."""
    return typer.Typer(
        cls=Commands, help=help, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown"
    )


def example(*lines: str) -> str:
    """Return an epilog in Markdown: the lines are to be copied as they are."""
    return "\n\n".join(("Example:" if len(lines) == 1 else "Examples:", *(f"    {line}" for line in lines)))
