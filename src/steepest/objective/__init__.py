"""Objectives: what is minimized, over rows that are held or passed over."""
