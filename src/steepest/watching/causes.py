"""Why an operation gave a number that is not finite: what it was given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch

from steepest.watching.walk import inputs_of, is_leaf, kept, kind_of

Cause = str | None


def of_values(name: str, inputs: Sequence[torch.Tensor], out: torch.Tensor, more: Any) -> Cause:
    """Of a forward pass.

    `name`: of the operation, as in `torch.ops.aten`; `more`: its arguments that are no tensors, by
    their places.
    """
    x = inputs[0] if inputs else None
    rule = _FORWARD.get(name.strip("_"))
    found = None if rule is None or x is None else rule(x, inputs, out, more)
    if found is not None or x is None:
        return found
    infinite = any(bool(torch.isinf(tensor).any()) for tensor in inputs)
    if infinite and bool(torch.isnan(out).any()):
        return "infinity minus infinity, or 0 times infinity"
    if out.dtype == torch.float16 and not infinite:
        return "a number too large for float16, whose largest is 65,504"
    if not infinite and bool(torch.isinf(out).any()):
        return "a number too large for its type"
    return None


def _log(x: torch.Tensor, *_: Any) -> Cause:
    return _first((x < 0, "the log of a number below 0"), (x == 0, "the log of 0"))


def _root(x: torch.Tensor, *_: Any) -> Cause:
    return _first((x < 0, "the square root of a number below 0"), (x == 0, "a division by 0"))


def _power(x: torch.Tensor, inputs: Sequence[torch.Tensor], out: torch.Tensor, more: Any) -> Cause:
    return _first(
        (torch.isnan(out) & (x < 0), "a fractional power of a number below 0"),
        (torch.isinf(out) & (x == 0), "a negative power of 0"),
    )


def _division(x: torch.Tensor, inputs: Sequence[torch.Tensor], *_: Any) -> Cause:
    if len(inputs) > 1 and bool(((inputs[0] == 0) & (inputs[1] == 0)).any()):
        return "0 divided by 0"
    return _first((inputs[-1] == 0, "a division by 0"))


def _softmax(x: torch.Tensor, inputs: Any, out: Any, more: Mapping[int, Any]) -> Cause:
    gone = torch.isneginf(x).all(int(more.get(1, -1)))
    return _first((gone, "a softmax over -inf alone: every entry of it is masked"))


def _attention(*_: Any) -> Cause:
    return "attention to nothing: every key is masked"


def _deviation(x: torch.Tensor, inputs: Any, out: torch.Tensor, *_: Any) -> Cause:
    return "the deviation of one number" if x.numel() <= max(out.numel(), 1) else None


def _exp(x: torch.Tensor, *_: Any) -> Cause:
    return "exp of a number so large that it does not fit its type"


def _average(x: torch.Tensor, inputs: Any, out: torch.Tensor, *_: Any) -> Cause:
    return "an average over nothing" if not x.numel() else None


def _counted(x: torch.Tensor, inputs: Sequence[torch.Tensor], *_: Any) -> Cause:
    if bool(torch.isfinite(x).all()):
        return "an average over nothing: every target is one to be ignored"
    return None


def _outside(x: torch.Tensor, *_: Any) -> Cause:
    return _first((x.abs() >= 1, "a number outside of where it is defined"))


def _aligned(x: torch.Tensor, *_: Any) -> Cause:
    if bool(torch.isfinite(x).all()):
        return "no way to fit a target into its frames: it has more labels than there are"
    return None


def _determinant(x: torch.Tensor, *_: Any) -> Cause:
    return "the log of a determinant of 0" if bool(torch.isfinite(x).all()) else None


def _scaled(x: torch.Tensor, *_: Any) -> Cause:
    if bool(torch.isfinite(x).all()):
        return "a deviation of 0, and an eps that is 0 in this type"
    return None


_FORWARD: Final[Mapping[str, Callable[..., Cause]]] = {
    "log": _log, "log2": _log, "log10": _log, "sqrt": _root, "rsqrt": _root, "pow": _power,
    "div": _division, "reciprocal": _division, "softmax": _softmax, "log_softmax": _softmax,
    "safe_softmax": _softmax, "std": _deviation, "var": _deviation, "var_mean": _deviation,
    "std_mean": _deviation, "exp": _exp, "exp2": _exp, "mean": _average, "expm1": _exp,
    "sinh": _exp, "cosh": _exp, "ctc_loss": _aligned, "linalg_slogdet": _determinant,
    "nll_loss_forward": _counted, "nll_loss2d_forward": _counted, "acos": _outside,
    "asin": _outside, "atanh": _outside, "erfinv": _outside, "logit": _outside,
    "native_layer_norm": _scaled, "native_batch_norm": _scaled, "native_group_norm": _scaled,
    "scaled_dot_product_flash_attention_for_cpu": _attention,
    "scaled_dot_product_efficient_attention": _attention,
    "scaled_dot_product_flash_attention": _attention,
}  # fmt: skip


def of_slopes(node: Any) -> Cause:
    """Of a backward pass: what a node keeps at which its slope is not finite."""
    x, result = kept(node, "_saved_self"), kept(node, "_saved_result")
    kind = kind_of(node)
    if kind == "Sqrt" and result is not None:
        return _first(
            (torch.isnan(result), "the square root of a number below 0"),
            (result == 0, "the square root at 0, where its slope is infinite"),
        )
    if kind in ("Log", "Log2", "Log10") and x is not None:
        return _first((x < 0, "the log of a number below 0"), (x == 0, "the log of 0"))
    if kind == "Log1P" and x is not None:
        return _first((x <= -1, "the log of 1 plus a number that is not above -1"))
    if kind == "Pow" and x is not None:
        return _first((x == 0, "a power below 1 at 0, where its slope is infinite"))
    if kind == "Div":
        by = kept(node, "_saved_other")
        return None if by is None else _first((by == 0, "a division by 0"))
    if kind in ("Std", "Var") and x is not None:
        one = x.numel() <= max(1, 0 if result is None else result.numel())
        return "the deviation of one number" if one else None
    if kind in ("Acos", "Asin") and x is not None:
        return _first((x.abs() >= 1, f"{kind.lower()} at -1 or 1, where its slope is infinite"))
    if kind in ("Atan2", "Hypot"):
        return "both of its numbers are 0"
    if kind in ("Norm", "LinalgVectorNorm", "Dist"):
        return "a length of 0, where its slope is not defined"
    if kind == "Exp" and result is not None:
        return _first((torch.isinf(result), "exp of a number so large that it does not fit"))
    if kind in ("Rsqrt", "Reciprocal") and result is not None:
        return _first((torch.isinf(result), "a division by 0"))
    if any(part.dtype == torch.float16 for part in node._input_metadata):
        return "a slope too large for float16, whose largest is 65,504"
    return None


RISKY: Final = frozenset((
    "Sqrt", "Log", "Log2", "Log10", "Pow", "Div", "Std", "Acos", "Asin", "Rsqrt", "Reciprocal",
    "Exp",
))  # fmt: skip
"""Operations that are not defined, or have no finite slope, for some finite numbers."""

ONLY_SOME: Final = RISKY - {"Pow", "Div", "Exp"}
"""Those that have no finite value or slope at the end of where they are defined."""


def under_where(order: Sequence[Any]) -> list[Any]:
    """The risky operations in a branch of a `where`."""
    found: dict[Any, None] = {}
    for node in order:
        if is_leaf(node) or kind_of(node) not in ("Where", "MaskedFill"):
            continue
        waiting, depth = inputs_of(node), 0
        while waiting and depth < 8:
            depth += 1
            found |= {n: None for n in waiting if not is_leaf(n) and kind_of(n) in RISKY}
            waiting = [inner for n in waiting if not is_leaf(n) for inner in inputs_of(n)]
    return list(found)


def _first(*cases: tuple[torch.Tensor, str]) -> Cause:
    return next((text for where, text in cases if bool(where.any())), None)
