"""The figures of a run: each measured at the frames of its cursor, and all of them together."""

from steepest.run.figures.board import board_of, figure_of

__all__ = ["board_of", "figure_of"]
