"""Options that several commands share."""

from typing import Annotated

import typer

Cores = Annotated[int, typer.Option(min=1, help="Cores to use.")]
Dry = Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only say how it ended.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
