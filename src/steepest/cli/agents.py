"""`steepest mcp`: the same for agents, over standard input and output."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from steepest.cli import options
from steepest.cli.help import Command


@click.command(cls=Command, short_help="Answer agents, over stdio (Model Context Protocol).")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Files below this folder may be read.  [default: the one that it is started in]",
)
@click.option("--keep", is_flag=True, help="Keep the runs that are asked for.")
@options.store
def mcp(folder: Path | None, keep: bool, store: str | None) -> None:
    """Answer agents: fit, minimize, sweep, explain, list and show runs, judge a log.

    It speaks the Model Context Protocol on standard input and output, and is started by what
    speaks with it. It reads files below one folder, and writes nothing unless told to keep runs.
    """
    from steepest.engine.compiled import keep_compiled
    from steepest.words.errors import InputError, needing
    from steepest.words.wording import pathname

    keep_compiled()
    with needing("mcp", "Answering agents needs the package mcp", install="steepest[mcp]"):
        from steepest.agents.server import serve
    from steepest.agents.desk import Desk
    from steepest.store.store import Store

    whole = (folder or Path()).absolute()
    if not whole.is_dir():
        raise InputError("There is no such folder.", given=pathname(whole))
    if sys.stdin.isatty():
        click.echo("Speaking the Model Context Protocol. Ctrl-C ends it.", err=True)
    serve(Desk(whole, Store(store), keep=keep), keep=keep)
