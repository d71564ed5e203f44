"""Formulas: text to tree, and from the tree its value, its derivative and its looks."""

from steepest.formula.assignments import parse_assignments, parse_bounds, parse_start
from steepest.formula.cost import cost, of_one_row
from steepest.formula.derivative import derivative
from steepest.formula.evaluate import SAFE, evaluate, may_have_no_slope
from steepest.formula.fold import constant_value
from steepest.formula.functions import CANONICAL_FUNCTIONS, CONSTANTS, FUNCTIONS
from steepest.formula.moving import moving_with_weights
from steepest.formula.names import did_you_mean, indicated, indicator, quoted, shown
from steepest.formula.nodes import (
    Binary,
    Call,
    Column,
    Compare,
    Constant,
    Formula,
    Logical,
    Negate,
    Node,
    Not,
    Number,
    Weight,
    children,
    is_condition,
    mentions,
    names_of,
    size,
    varying,
    walk,
)
from steepest.formula.parse import parse_condition, parse_expression, parse_model
from steepest.formula.partial import partial
from steepest.formula.render import to_latex, to_mathml, to_text
from steepest.formula.structure import inside_sigmoid, is_linear, linear_parts

__all__ = [
    "CANONICAL_FUNCTIONS",
    "CONSTANTS",
    "FUNCTIONS",
    "SAFE",
    "Binary",
    "Call",
    "Column",
    "Compare",
    "Constant",
    "Formula",
    "Logical",
    "Negate",
    "Node",
    "Not",
    "Number",
    "Weight",
    "children",
    "constant_value",
    "cost",
    "derivative",
    "did_you_mean",
    "evaluate",
    "indicated",
    "indicator",
    "inside_sigmoid",
    "is_condition",
    "is_linear",
    "linear_parts",
    "may_have_no_slope",
    "mentions",
    "moving_with_weights",
    "names_of",
    "of_one_row",
    "parse_assignments",
    "parse_bounds",
    "parse_condition",
    "parse_expression",
    "parse_model",
    "parse_start",
    "partial",
    "quoted",
    "shown",
    "size",
    "to_latex",
    "to_mathml",
    "to_text",
    "varying",
    "walk",
]
