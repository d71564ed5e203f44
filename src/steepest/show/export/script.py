"""What both scripts share: the numbers of the run, the model with its loss, and their lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from steepest.formula.moving import moving_with_weights
from steepest.formula.nodes import (
    Binary,
    Call,
    Column,
    Formula,
    Node,
    Weight,
    children,
    is_condition,
    walk,
)
from steepest.formula.own import own, put_in
from steepest.formula.structure import inside_sigmoid
from steepest.methods.losses import LOGIT, PROBABILITY, Form, loss_named
from steepest.methods.optimizers import OPTIMIZERS
from steepest.records.run import RunRecord
from steepest.show.export.data import Source, data_lines, imports_of, key
from steepest.show.export.expression import MOVING, Library, Names, expression
from steepest.show.export.layout import identifiers, indented, listing, text, unpacking
from steepest.words.errors import UsageError
from steepest.words.wording import escaped

MOST_LINES = 1000
"""That a script prints, roughly."""


@dataclass(frozen=True)
class Script:
    """A run, and the code that is the same in both libraries but for names."""

    record: RunRecord
    formula: Formula
    source: Source
    library: Library

    @property
    def lr(self) -> float:
        """The learning rate in force."""
        return self.record.descent.lr

    @property
    def rates(self) -> list[str]:
        """The learning rate of each weight, as numbers; none where all have the same."""
        rates = self.record.descent.rates
        return [repr(float(rates[name])) for name in self.record.problem.weights if rates]

    @property
    def last(self) -> int:
        """The step at which the run ended."""
        return self.record.descent.steps

    @property
    def start(self) -> list[str]:
        """The weights that move, as numbers."""
        return [repr(self.record.start[name]) for name in self.record.problem.weights]

    @property
    def batch_size(self) -> int | None:
        """Rows a step where they are not all."""
        size, rows = self.record.settings.batch_size, self.record.problem.rows or 0
        return size if size is not None and size < rows else None

    @property
    def rescaled(self) -> bool:
        """Whether each weight is counted in a unit of its own."""
        return bool(self.record.problem.rescaled)

    @property
    def moving(self) -> str:
        """What the optimizer moves: a vector; a list of groups where each has its own rate."""
        if self.in_groups:
            return "parameters"
        return "counts" if self.rescaled else "weights"

    @property
    def in_groups(self) -> bool:
        """Whether each weight is a parameter group of its own, as PyTorch has it."""
        return bool(self.rates) and self.library.module == "torch"

    @property
    def bounds(self) -> Mapping[str, Sequence[float]]:
        """Weight -> (lower, upper)."""
        return cast(Mapping[str, Sequence[float]], self.record.call.get("bounds") or {})

    @property
    def edges(self) -> tuple[str, str]:
        """The bounds of what moves."""
        unit = " / unit" if self.rescaled else ""
        return f"lower{unit}", f"upper{unit}"

    @property
    def _identifiers(self) -> dict[str, str]:
        return identifiers(self.formula.weights)

    @property
    def _names(self) -> Names:
        rows = "" if self.batch_size is None else "[rows]"
        return Names(self._identifiers, lambda name: key(name) + rows)

    def heading(
        self, title: str, imports: Iterable[str], setting: str, *functions: Sequence[str]
    ) -> list[str]:
        """The first lines: imports, float64, and the functions that the script needs."""
        functions = (*self._moving(), *functions)
        own = imports_of(self.source)
        held_out = getattr(self.source, "held_out", 0)
        if self.batch_size is not None or held_out:
            imports = ["import numpy as np", *imports]
        # The first two lines of a file could name its encoding: they hold nothing from outside.
        return [
            f'"""{title}"""',
            "",
            *own,
            *([""] if own else []),
            *sorted(imports, key=lambda line: (line.startswith("from"), line)),
            "",
            setting,
            "",
            *([""] if functions else []),
            *(line for function in functions for line in (*function, "", "")),
            f"# {escaped(self.formula.text, 80)}",
        ]

    def _moving(self) -> Iterable[Sequence[str]]:
        if all(isinstance(moving_with_weights(node), bool) for node in walk(self.formula.model)):
            return
        where, still = f"{self.library.module}.where", self.library.still.format("value")
        yield (
            f"def {MOVING}(rows, value):",
            "    # On other rows the value stays, whatever the weights are: its slope is 0.",
            f"    return {where}(rows, value, {still})",
        )

    def problem_lines(self) -> list[str]:
        """The data and everything else that does not change."""
        problem, library = self.record.problem, self.library
        lines = data_lines(self.source, library)
        plain = Names({}, key)
        if self.formula.target is not None and not isinstance(self.formula.target, Column):
            lines.append(f"target = {expression(self.formula.target, library, plain)}")
        if problem.sigma is not None:
            lines.append(f"row_weights = 1 / {key(problem.sigma)} ** 2")
        if problem.standardized:
            lines.append("# Scaled to mean 0 and deviation 1, as far as the model allows.")
        for name, (subtracted, divided) in problem.standardized.items():
            shift = f"({key(name)} - {float(subtracted)!r})" if subtracted else key(name)
            sign = f"({key(name)} + {-float(subtracted)!r})" if subtracted < 0 else shift
            lines.append(f"{key(name)} = {sign} / {float(divided)!r}")
        fixed = cast(Mapping[str, float], self.record.call.get("fix") or {})
        lines += [
            f"{self._identifiers[name]} = {library.array}({float(value)!r})  # held"
            for name, value in fixed.items()
            if name in self._identifiers
        ]
        if self.bounds:
            lines += self._bound_lines()
        if self.rescaled:
            units = [repr(float(problem.rescaled[name])) for name in problem.weights]
            lines.append("# What each weight is counted in, so that one learning rate fits all.")
            lines += listing(f"unit = {library.array}([", units, "])")
        return lines

    def _bound_lines(self) -> list[str]:
        def written(value: float) -> str:
            infinite = f"{self.library.module}.inf"
            if np.isinf(value):
                return infinite if value > 0 else f"-{infinite}"
            return repr(float(value))

        edges = [self.bounds.get(name, (-np.inf, np.inf)) for name in self.record.problem.weights]
        return [
            line
            for name, side in (("lower", 0), ("upper", 1))
            for line in listing(
                f"{name} = {self.library.array}([", [written(edge[side]) for edge in edges], "])"
            )
        ]

    def unpacked(self) -> list[str]:
        """The weights by name."""
        names = [self._identifiers[name] for name in self.record.problem.weights]
        return unpacking(names, "unit * counts" if self.rescaled else self.moving)

    def model_lines(self) -> tuple[list[str], str]:
        """Lines that compute the prediction, and the loss itself."""
        model = expression(self._logit or self.formula.model, self.library, self._names)
        if self.record.problem.loss is None:
            return [], model
        lines, loss = self._loss()
        return [f"{self._given} = {model}", *lines], loss

    @property
    def _logit(self) -> Node | None:
        """What a cross-entropy is computed from in place of its sigmoid, which rounds to 1."""
        probability = self.record.problem.gives == PROBABILITY
        return inside_sigmoid(self.formula.model) if probability else None

    @property
    def _given(self) -> str:
        """What the model's value is called in the script."""
        return "prediction" if self._logit is None else "logit"

    def _loss(self) -> tuple[list[str], str]:
        """Lines before it, and the mean of what each row costs."""
        cost = own(self.form.safe)
        target: Node = Weight("target")
        if isinstance(self.formula.target, Column):
            target = self.formula.target
        residual: Node = Binary("-", Weight(self._given), target)
        lines: list[str] = []
        parts = list(walk(cost))
        size = Call("abs", (Weight("r"),))
        if parts.count(Weight("r")) > 1:
            lines = [f"residual = {self._written(residual)}"]
            residual = Weight("residual")
        if parts.count(size) > 1:
            lines.append(f"size = {self._written(Call('abs', (residual,)))}")
            cost = put_in(cost, {}, {size: Weight("size")})
        row = put_in(cost, {"p": Weight(self._given), "t": target, "r": residual})
        code = self._written(row)
        return lines, self._mean(code if isinstance(row, Call) else f"({code})")

    def _written(self, node: Node) -> str:
        own_names = {name: name for name in (self._given, "residual", "size")}
        target = "target" if self.batch_size is None else "target[rows]"
        names = Names({**own_names, "target": target}, self._names.column)
        return expression(node, self.library, names)

    def _mean(self, code: str) -> str:
        if self.record.problem.sigma is None:
            return f"{code}.mean()"
        weight = "row_weights" if self.batch_size is None else "row_weights[rows]"
        return f"({weight} * {code}).sum() / {weight}.sum()"

    def batch_lines(self) -> list[str]:
        """A generator of the rows of each step, and all of them."""
        size, rows = self.batch_size, self.record.problem.rows
        return [
            "",
            "",
            "def batches():",
            "    # A new shuffle every epoch, one after the other without a gap.",
            "    stream, epoch = np.arange(0), 0",
            "    while True:",
            f"        while len(stream) < {size}:",
            f"            shuffle = np.random.default_rng([{self.record.settings.seed}, epoch])"
            f".permutation({rows})",
            "            stream, epoch = np.append(stream, shuffle), epoch + 1",
            f"        yield stream[:{size}]",
            f"        stream = stream[{size}:]",
        ]

    def table_head(self) -> list[str]:
        """The line that prints what the columns of the output are."""
        names = [text(name) for name in self.record.problem.weights]
        return listing("print(", ['"step"', '"loss"', *names], ")")

    def report_lines(self) -> list[str]:
        """Lines within the loop that print where it stands, and end it."""
        values = "*(unit * counts).tolist()" if self.rescaled else "*weights.tolist()"
        if self.in_groups:
            values = "*(one.item() for one in parameters)"
        lines = [f"print(step, loss.item(), {values})"]
        every = -(-self.last // MOST_LINES)
        if every > 1:
            lines = [f"if step % {every} == 0 or step == {self.last}:", *indented(lines)]
        return [*lines, f"if step == {self.last}:", "    break  # where the run ended"]

    def loop(self) -> str:
        """How the steps are counted."""
        if self.batch_size is None:
            return f"for step in range({self.last + 1}):"
        return f"for step, rows in zip(range({self.last + 1}), batches()):"

    @property
    def form(self) -> Form:
        """What a row costs."""
        gives = self.record.problem.gives if self._logit is None else LOGIT
        return loss_named(self.record.problem.loss or "").form(gives)

    @property
    def loss_is_root(self) -> bool:
        """Whether the root of the mean is taken."""
        loss = self.record.problem.loss
        return loss is not None and loss_named(loss).root

    @property
    def has_slope(self) -> bool:
        """Whether a weight stands outside the conditions."""
        waiting: list[Node] = [self.formula.model]
        while waiting:
            node = waiting.pop()
            if isinstance(node, Weight):
                return True
            waiting += [child for child in children(node) if not is_condition(child)]
        return False

    def mentions(self, function: str) -> bool:
        """Whether the model, the target or the loss calls a function."""
        nodes = [*walk(self.formula.model)]
        if self.formula.target is not None:
            nodes += walk(self.formula.target)
        if self.record.problem.loss is not None:
            nodes += walk(own(self.form.safe))
        nodes += walk(where) if (where := getattr(self.source, "where", None)) else []
        return any(getattr(node, "function", None) == function for node in nodes)


def check(record: RunRecord) -> None:
    """Raise UsageError for a run whose path no such script can walk."""
    if np.isnan(record.descent.lr):
        raise UsageError(
            f"The solver {record.descent.optimizer} chooses its steps by itself, so no script "
            "with a learning rate walks the same path.",
            given=f"a run with --optimizer {record.descent.optimizer}",
            instead=f"Export a run of {', '.join(OPTIMIZERS)}.",
        )


def joined(lines: Iterable[str]) -> str:
    """The script's text."""
    return "\n".join(lines) + "\n"
