"""Figures: what a run looks like, as plain data that says in words what one sees."""

from steepest.show.figures.autograd import autograd_figure
from steepest.show.figures.backward import Passed, backward_figure
from steepest.show.figures.contour import Plane, contour_figure
from steepest.show.figures.fan import fan_figure
from steepest.show.figures.figure import Axis, Board, Figure, Frames
from steepest.show.figures.fit import Curve, Quality, Rows, fit_figure
from steepest.show.figures.function import function_figure
from steepest.show.figures.kinds import FIGURE_KINDS, RUN, TRAINING
from steepest.show.figures.layers import Seen, layers_figure
from steepest.show.figures.loss import loss_figure
from steepest.show.figures.panels import Range, panels_figure
from steepest.show.figures.pulls import pulls_figure
from steepest.show.figures.rates import trials_figure
from steepest.show.figures.residuals import residuals_figure
from steepest.show.figures.slice import slice_figure
from steepest.show.figures.spectrum import spectrum_figure
from steepest.show.figures.surface import surface_figure
from steepest.show.figures.sweep import sweep_figure
from steepest.show.figures.training import training_figure, training_frames
from steepest.show.figures.training_board import training_board, training_view
from steepest.show.render import Theme

__all__ = [
    "FIGURE_KINDS",
    "RUN",
    "TRAINING",
    "Axis",
    "Board",
    "Curve",
    "Figure",
    "Frames",
    "Passed",
    "Plane",
    "Quality",
    "Range",
    "Rows",
    "Seen",
    "Theme",
    "autograd_figure",
    "backward_figure",
    "contour_figure",
    "fan_figure",
    "fit_figure",
    "function_figure",
    "layers_figure",
    "loss_figure",
    "panels_figure",
    "pulls_figure",
    "residuals_figure",
    "slice_figure",
    "spectrum_figure",
    "surface_figure",
    "sweep_figure",
    "training_board",
    "training_figure",
    "training_frames",
    "training_view",
    "trials_figure",
]
