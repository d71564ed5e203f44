"""Trainings of networks compared: their rates, what was measured, remedies and proof."""
