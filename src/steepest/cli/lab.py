"""`steepest lab`: starts the server, says where it is, and opens the page."""

from __future__ import annotations

import html
import os
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click

from steepest.cli import options
from steepest.cli.help import Command
from steepest.words.wording import pathname

_DOOR: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Steepest lab</title>'
    '<meta name="referrer" content="no-referrer">'
    '<meta http-equiv="refresh" content="0;url={address}"><p><a href="{address}">Open the lab</a>'
)


@click.command(cls=Command, short_help="Open the lab: gradient descent in a browser, live.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Where the lab listens; 0 takes any that is free.  [default: 8765, or the next free one]",
)
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
@click.option(
    "--host",
    metavar="ADDRESS",
    help="Let other machines in, at this address of this one. Only together with --token.",
)
@click.option(
    "--token",
    metavar="TEXT",
    help="What whoever opens the lab must know; 16 characters or more.  [default: a new one]",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    help="Write the first example and the lesson as one page that needs no server, and end.",
)
@click.option(
    "--lesson",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="Begin with a lesson of your own: a folder of Markdown, a stop a file.",
)
@options.store
def lab(**given: Any) -> None:
    """Open the lab in a browser: examples or your own data, every figure live.

    It runs on this machine and answers nobody else, until Ctrl-C ends it. Standard output has one
    line, once the lab answers: its address.
    """
    from steepest.engine.compiled import keep_compiled

    keep_compiled()
    if given["save"] is not None:
        _save(given["save"], given["lesson"])
        return
    from steepest.lab import serve
    from steepest.store.store import Store

    def ready(address: str) -> None:
        click.echo(f"Lab: {address}")
        if sys.stderr.isatty():
            click.echo("Ctrl-C ends it.", err=True)
        if not given["no_open"]:
            threading.Thread(target=open_by, args=(door, address), daemon=True).start()

    with TemporaryDirectory(prefix="steepest-lab-", ignore_cleanup_errors=True) as folder:
        door = Path(folder) / "lab.html"
        serve(
            ready,
            port=given["port"],
            host=given["host"],
            token=given["token"],
            store=Store(given["store"]),
            lesson=given["lesson"],
        )


def _save(file: Path, lesson: Path | None) -> None:
    from steepest.lab.answers import Answers
    from steepest.lab.lesson import own_lesson, read_lesson
    from steepest.lab.saved import first_problem, saved_lab
    from steepest.lab.uploads import Uploads
    from steepest.words.errors import InputError

    uploads = Uploads()
    stops = read_lesson(lesson or own_lesson(), uploads)
    page = saved_lab(Answers(uploads), first_problem(), stops, opens=lesson is not None)
    try:
        file.write_bytes(page)
    except OSError as error:
        raise InputError(
            "The page cannot be written.", given=pathname(file), instead=error.strerror
        ) from error
    click.echo(f"Saved: {pathname(file)} ({len(page):,} bytes)")


def open_by(door: Path, address: str) -> None:
    """Open the lab by a file that only this user reads, in a folder that only they see.

    Every user of a machine reads the command line of a browser, and an address holds the token.
    """
    import webbrowser

    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    # One that runs in the terminal would take it over.
    if type(browser) is not webbrowser.GenericBrowser:
        with open(os.open(door, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as page:
            page.write(_DOOR.format(address=html.escape(address)))
        browser.open(door.as_uri())
