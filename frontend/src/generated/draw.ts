// Made by `python -m frontend.generate` from src/steepest/show/figures/kinds.py: change it there.

import { drawAutograd } from "../figures/autograd";
import { drawBackward } from "../figures/backward";
import { drawConfusion } from "../figures/confusion";
import { drawContour } from "../figures/contour";
import { drawEpochs } from "../figures/epochs";
import { drawFan } from "../figures/fan";
import { drawFit } from "../figures/fit";
import { drawFunction } from "../figures/function";
import { drawGradient } from "../figures/gradient";
import { drawLayers } from "../figures/layers";
import { drawLoss } from "../figures/loss";
import { drawNetwork } from "../figures/network";
import { drawPanels } from "../figures/panels";
import { drawPictures } from "../figures/pictures";
import { drawPlane } from "../figures/plane";
import { drawPulls } from "../figures/pulls";
import { drawRates } from "../figures/rates";
import { drawResiduals } from "../figures/residuals";
import { drawSlice } from "../figures/slice";
import { drawSpectrum } from "../figures/spectrum";
import { drawSurface } from "../figures/surface";
import { drawSweep } from "../figures/sweep";
import { drawTraining } from "../figures/training";
import type { Draw } from "../frame";
import type { FigureData } from "./figures";

type Kind = FigureData["kind"];

export const DRAW: { [K in Kind]: Draw<Extract<FigureData, { kind: K }>> } = {
  loss: drawLoss,
  gradient: drawGradient,
  fit: drawFit,
  panels: drawPanels,
  residuals: drawResiduals,
  slice: drawSlice,
  contour: drawContour,
  surface: drawSurface,
  sweep: drawSweep,
  pulls: drawPulls,
  spectrum: drawSpectrum,
  backward: drawBackward,
  function: drawFunction,
  epochs: drawEpochs,
  confusion: drawConfusion,
  rates: drawRates,
  training: drawTraining,
  layers: drawLayers,
  network: drawNetwork,
  pictures: drawPictures,
  plane: drawPlane,
  fan: drawFan,
  autograd: drawAutograd,
};
