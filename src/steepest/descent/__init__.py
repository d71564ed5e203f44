"""Moving: the compiled loop, a quadratic at once, stop rules, many descents, scipy's solvers."""

from steepest.descent.run import Descended
from steepest.descent.solver import Solved, solve_by

Walked = Descended | Solved
"""A finished descent: its record, its trace, and the means to walk any part of it again."""

__all__ = ["Descended", "Solved", "Walked", "solve_by"]
