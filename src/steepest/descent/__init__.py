"""Moving: the compiled loop, its stop rules, many descents side by side, and scipy's solvers."""

from steepest.descent.run import Descended
from steepest.descent.solver import Solved, solve_by

Walked = Descended | Solved
"""A finished descent: its record, its trace, and the means to walk any part of it again."""

__all__ = ["Descended", "Solved", "Walked", "solve_by"]
