"""Formulas: text to tree, and from the tree its value, its derivative and its looks."""
