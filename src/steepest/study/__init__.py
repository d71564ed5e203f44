"""Descents compared: learning rates, what was measured, forecasts and proof."""
