"""Every kind of figure, the one list of them: what its data are, and what makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from steepest.records.descent import Trace
from steepest.records.training import TrainingRecord
from steepest.show.figures.autograd import AutogradData
from steepest.show.figures.backward import BackwardData
from steepest.show.figures.confusion import ConfusionData, confusion_figure
from steepest.show.figures.contour import ContourData
from steepest.show.figures.epochs import EpochsData, epochs_figure
from steepest.show.figures.fan import FanData, fan_figure
from steepest.show.figures.figure import Figure, Frames
from steepest.show.figures.fit import FitData
from steepest.show.figures.function import FunctionData
from steepest.show.figures.gradient import GradientData, gradient_figure
from steepest.show.figures.layers import LayersData, layers_figure
from steepest.show.figures.loss import LossData
from steepest.show.figures.network import NetworkData, network_figure
from steepest.show.figures.panels import PanelsData
from steepest.show.figures.pictures import PicturesData, pictures_figure
from steepest.show.figures.plane import PlaneData, plane_figure
from steepest.show.figures.pulls import PullsData
from steepest.show.figures.rates import RatesData, rates_figure
from steepest.show.figures.residuals import ResidualsData
from steepest.show.figures.slice import SliceData
from steepest.show.figures.spectrum import SpectrumData
from steepest.show.figures.surface import SurfaceData
from steepest.show.figures.sweep import SweepData
from steepest.show.figures.training import TrainingData, training_figure


class OfRun(NamedTuple):
    """A kind of a fit or a minimize."""

    data: type
    make: Callable[[Frames, Trace], Figure | str] | None = None
    """From the path alone; None where more is measured for it, in `steepest.run.figures`."""


class OfTraining(NamedTuple):
    """A kind of a training."""

    data: type
    make: Callable[[Frames, TrainingRecord], Figure | str]
    """The figure, or why the training has none."""


RUN: Final[Mapping[str, OfRun]] = {
    "loss": OfRun(LossData),
    "gradient": OfRun(GradientData, gradient_figure),
    "fit": OfRun(FitData),
    "panels": OfRun(PanelsData),
    "residuals": OfRun(ResidualsData),
    "slice": OfRun(SliceData),
    "contour": OfRun(ContourData),
    "surface": OfRun(SurfaceData),
    "sweep": OfRun(SweepData),
    "pulls": OfRun(PullsData),
    "spectrum": OfRun(SpectrumData),
    "backward": OfRun(BackwardData),
    "function": OfRun(FunctionData),
}

TRAINING: Final[Mapping[str, OfTraining]] = {
    "epochs": OfTraining(EpochsData, epochs_figure),
    "confusion": OfTraining(ConfusionData, confusion_figure),
    "rates": OfTraining(RatesData, rates_figure),
    "training": OfTraining(TrainingData, training_figure),
    "layers": OfTraining(LayersData, layers_figure),
    "network": OfTraining(NetworkData, network_figure),
    "pictures": OfTraining(PicturesData, pictures_figure),
    "plane": OfTraining(PlaneData, plane_figure),
    "fan": OfTraining(FanData, fan_figure),
}
"""In the order of a board."""

FIGURE_KINDS: Final[Mapping[str, type]] = {
    **{name: kind.data for name, kind in RUN.items()},
    **{name: kind.data for name, kind in TRAINING.items()},
    "autograd": AutogradData,
}
"""Kind -> what its data are, from which the types of the page are written."""
