"""Lines that are longer than they need be."""

import re

from rich.cells import cell_len

from steepest.words.wrapping import wrapped


def too_long(shown: str, width: int) -> list[str]:
    """Lines of more cells that could have been broken; what may not be has tests of its own."""
    longer = [line for line in shown.splitlines() if cell_len(line) > width]
    # A label stands before at least two blanks.
    return [line for line in longer if len(wrapped(re.split("  +", line.strip())[-1], 1)) > 1]
