"""What a route answers: bytes with their type, and whatever went wrong in one sentence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from steepest.jobs.workers import BusyError, GoneError, SupersededError, TooLongError
from steepest.lab.guard import refusal
from steepest.lab.requests import JSON
from steepest.lab.runs import NoSuchRunError
from steepest.words.errors import FormulaError, SteepestError, StoreError

Handler = Callable[[Request], Awaitable[Response]]


def told(handler: Handler) -> Handler:
    """Everything that may be wrong as a 4xx or a 503, with one sentence."""

    @wraps(handler)
    async def replying(request: Request) -> Response:
        try:
            return await handler(request)
        except FormulaError as error:
            place = {"column": error.column, "length": error.length}
            sentence = error.message.split("\n", 1)[0]
            return refusal(400, sentence, field="formula", formula=error.formula, **place)
        except NoSuchRunError as error:
            return refusal(404, error.message)
        except StoreError as error:
            return refusal(409, error.message)
        except SteepestError as error:
            return refusal(400, error.message)
        except SupersededError:
            return refusal(409, "This tab has asked something newer.")
        except BusyError:
            return refusal(503, "The lab is busy with other requests. Try again in a moment.")
        except TooLongError:
            return refusal(
                503,
                "This takes longer than the lab waits for an answer, so it was stopped. "
                "The command line has no such limit.",
            )
        except (GoneError, ClientDisconnect):
            return Response(status_code=499)
        except MemoryError:
            return refusal(503, "This needs more memory than there is.")
        except HTTPException as error:
            refused = refusal(error.status_code, error.detail)
            if error.status_code in (408, 411, 413):
                # The rest of the body may still be on its way, and nobody wants it.
                refused.headers["connection"] = "close"
            return refused

    return replying


async def no_such(request: Request, error: Exception) -> Response:
    """Nothing is there, or nothing that takes such a request."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 405:
        return refusal(405, "This address does not take such a request.")
    return refusal(status, "There is nothing at this address.")


def answer(content: bytes, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(content, status, media_type=JSON)


def page_file(content: bytes, media_type: str) -> Response:
    """A file of the page."""
    # The page must fit the server: nothing of an earlier version is taken from a cache.
    return Response(content, media_type=media_type, headers={"cache-control": "no-cache"})


def download(content: bytes, media_type: str, name: str) -> Response:
    """A file to be kept under a name."""
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, media_type=media_type, headers={"content-disposition": disposition})
