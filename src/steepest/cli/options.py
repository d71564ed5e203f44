"""Options that commands share, and the types of their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import click

from steepest.cli.help import Command
from steepest.methods.names import Named, canonical, nearest
from steepest.methods.option import Kind, Option, flag, options_of
from steepest.methods.options import SWEEP_OPTIONS, FitOptions, TrainOptions

# A minus sign that begins an expression and not an option: there are operators behind it, or
# nothing but a name or a number.
_EXPRESSION: Final = re.compile(r"-(?!-).*[*+/( ].*|-[\w.]+", flags=re.DOTALL)

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Explaining(Command):
    """A command with --why, whose weight may be left out wherever it stands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Where an argument is missing, what stands behind --why is that one, and no weight."""
        if "--why" in args:
            given, _, _ = self.make_parser(ctx).parse_args(list(args))
            needed = [one.name for one in self.params if isinstance(one, click.Argument)]
            missing = not all(isinstance(given.get(name), str) for name in needed)
            if given.get("why") and missing and "resume" not in given:
                args = ["--why=" if arg == "--why" else arg for arg in args]
        return super().parse_args(ctx, args)


class Expressive(Explaining):
    """A command whose arguments may begin with a minus sign, as in `-x**2 + x**4` or `-x`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set a blank before such an argument, so that it is not taken for an option."""
        # An option with one minus sign too few stays an option.
        known = {flag for one in self.get_params(ctx) for flag in one.opts}
        own = known | {flag[1:] for flag in known}
        return super().parse_args(
            ctx,
            [f" {a}" if _EXPRESSION.fullmatch(a) and a not in own else a for a in args],
        )


class Chosen(click.Choice[str]):
    """The name of one of the records, or a synonym of it."""

    def __init__(self, records: Mapping[str, Named]):
        super().__init__(list(records))
        self._records = records

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The record's own name."""
        return super().convert(canonical(self._records, value) or value, param, ctx)

    def get_invalid_choice_message(self, value: Any, ctx: Any) -> str:
        """What can be chosen, and what may have been meant."""
        near = nearest(self._records, value)
        hint = "" if near is None else f" Did you mean {near}?"
        return super().get_invalid_choice_message(value, ctx) + hint


class Real(click.ParamType[Any]):
    """A number. Whether it can be used is for the bench to say."""

    name = "float"
    _otherwise = "not a number"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The number."""
        try:
            return float(value)
        except ValueError:
            meant = _number_meant(value)
            hint = "" if meant is None else f" Write {meant}."
            self.fail(f"{value!a} is {self._otherwise}.{hint}", param, ctx)


class LearningRate(Real):
    """A number, or `auto`."""

    name = "number|auto"
    _otherwise = "neither a number nor auto"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The number, or "auto"."""
        return value if value == "auto" else super().convert(value, param, ctx)


class OwnRates(LearningRate):
    """The same, or a=1e-5,b=0.3: one for each weight."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The number, "auto", or the numbers by weight."""
        if isinstance(value, str) and "=" in value:
            from steepest.formula.assignments import parse_assignments

            return parse_assignments(value, option="--lr")
        return super().convert(value, param, ctx)


def _number_meant(text: str) -> str | None:
    """What a number with a comma, a unit, per cent or a fraction would be; else None."""
    if re.fullmatch(r"[0-9]*\.?[0-9]+ ?%", text):
        return f"{float(text.rstrip(' %')) / 100:g}"
    if re.fullmatch(r"[0-9]*\.?[0-9]+ ?(s|sec|seconds?)", text):
        return re.split(r" ?s", text)[0]
    if re.fullmatch(r"[0-9]+,[0-9]+", text):
        return text.replace(",", ".")
    over, slash, under = text.partition("/")
    if slash and over.isdecimal() and under.isdecimal() and int(under):
        return f"{int(over) / int(under):g}"
    return None


class LearningRates(click.ParamType[Any]):
    """LOW:HIGH:COUNT, or `auto`. Whether the numbers can be used is for the bench to say."""

    name = "low:high:count"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, float, int] | str:
        """The two numbers and the count, or "auto"."""
        if isinstance(value, tuple) or value == "auto":
            return value  # type: ignore[no-any-return]
        low, first, rest = value.partition(":")
        high, second, number = rest.partition(":")
        if not (first and second):
            self.fail(f"{value!a} is not LOW:HIGH:COUNT{_meant(value)}.", param, ctx)
        try:
            ends = float(low), float(high)
        except ValueError:
            self.fail(f"In {value!a} the lowest or the highest is not a number.", param, ctx)
        return *ends, _Whole().convert(number, param, ctx)


def _meant(value: str) -> str:
    """Rates around one that was given, or from the lowest to the highest of several."""
    try:
        rates = sorted(float(part) for part in value.split(","))
    except ValueError:
        return ", such as 1e-6:1e-3:41"
    low, high = (rates[0], rates[-1]) if len(rates) > 1 else (rates[0] / 100, rates[0] * 100)
    usable = 0 < low < high < float("inf")
    return f". Write {low:g}:{high:g}:{max(len(rates), 5)}" if usable else ", such as 1e-6:1e-3:41"


class _Whole(click.ParamType[Any]):
    """A whole number; 2e6 and 2_000_000 are ways to write one."""

    name = "integer"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """The number."""
        try:
            return int(value)
        except ValueError:
            pass
        try:
            number = float(value)
            if number.is_integer() and abs(number) < 2**53:
                return int(number)
        except ValueError:
            pass
        if re.fullmatch(r"[+-]?[0-9]+", str(value)):
            self.fail(f"a number of {len(value):,} digits is too large.", param, ctx)
        self.fail(f"{value!a} is not a whole number.", param, ctx)


def _stacked(*decorators: Callable[[Any], Any]) -> Callable[[_Function], _Function]:
    def apply(function: _Function) -> _Function:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


class _Option(click.Option):
    """An option whose synonyms are understood and not listed."""

    def __init__(self, declared: Sequence[str], synonyms: Sequence[str], **more: Any):
        super().__init__([*declared, *synonyms], **more)
        self._synonyms = set(synonyms)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """What stands in the help text."""
        all_of_them = self.opts
        self.opts = [flag for flag in all_of_them if flag not in self._synonyms]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = all_of_them


def declared(name: str, option: Option) -> Callable[[_Function], _Function]:
    """The option of the command line that a record says."""
    names, more = [flag(name), name], dict[str, Any](help=option.help)
    if option.unset:
        more["help"] += f"  [default: {option.unset}]"
    if option.metavar:
        more["metavar"] = option.metavar
    by_weight = option.kind in ("numbers", "pairs")  # Read from text when the command runs.
    if option.default not in (None, "") and not by_weight:
        more |= {"default": option.default, "show_default": not option.unset}
    if option.kind == "truth" and option.default:
        names[0] = f"{flag(name)}/--no-{flag(name)[2:]}"
    elif option.kind == "truth":
        more |= {"is_flag": True, "show_default": False}
    else:
        more["type"] = _type_of(option)
    synonyms = [flag(synonym) for synonym in option.synonyms]

    cls: Any = partial(_Option, synonyms=synonyms)

    def apply(function: _Function) -> _Function:
        return click.option(*names, cls=cls, **more)(function)

    return apply


def _type_of(option: Option) -> Any:
    if option.choices is not None:
        return Chosen(option.choices)
    made: dict[Kind, Any] = {
        "whole": _Whole(),
        "real": Real(),
        "rate": LearningRate(),
        "rate each": OwnRates(),
        "rates": LearningRates(),
    }
    return made.get(option.kind, str)


def _of(options: Mapping[str, Option], *without: str) -> Callable[[_Function], _Function]:
    rest = {name: option for name, option in options.items() if name not in without}
    return _stacked(*(declared(name, option) for name, option in rest.items()))


_LAST: Final = ("remedies", "at")
"""They stand at the end of a help text, with what is shown."""

fit = _of(options_of(FitOptions, "fit"), *_LAST)
minimize = _of(options_of(FitOptions, "minimize"), *_LAST)
sweep = _of(SWEEP_OPTIONS)
train = _stacked(
    _of(options_of(TrainOptions)),
    click.option(
        "--sweep",
        type=LearningRates(),
        metavar="LOW:HIGH:COUNT",
        help="Instead of a training: try so many learning rates from LOW to HIGH side by side, or "
        "auto: 16 around the stability limit.",
    ),
)

together = _stacked(
    click.option(
        "--coordinator",
        metavar="HOST:PORT",
        help="Share the rows among processes: where process 0 runs, and a port that is free "
        "there. auto: find all three from Slurm, Open MPI, mpi4py or Kubernetes.",
    ),
    click.option("--processes", type=_Whole(), metavar="N", help="How many processes there are."),
    click.option(
        "--process", type=_Whole(), metavar="I", help="Which of them this one is, from 0."
    ),
)
"""In how many processes the rows have room."""

as_json = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON document on standard output and nothing else there.",
)

why = click.option(
    "--why",
    is_flag=False,
    flag_value="",
    metavar="[WEIGHT]",
    help="Show all that stands behind the result; with a weight, what concerns that one.",
)

showing = _stacked(
    why,
    *(declared(name, options_of(FitOptions)[name]) for name in _LAST),
    click.option(
        "--backward",
        is_flag=True,
        help="Show the backward pass too: every value and its adjoint, by the chain rule.",
    ),
    as_json,
)
"""Options about what is tried and shown."""

store = click.option(
    "--store",
    metavar="PATH",
    help="Where runs are kept.  [default: a file in your data directory, or STEEPEST_STORE]",
)

kept_as = _stacked(
    store,
    click.option("--no-save", is_flag=True, help="Do not keep this run."),
    click.option("--name", metavar="TEXT", help="A name for this run, shown in the list of runs."),
)
"""Whether and where a run is kept."""

keeping = _stacked(
    click.option("--resume", metavar="ID", help="Go on with this kept run."), kept_as
)
"""Options about keeping runs."""

fail_on = click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    help="Exit with 1 where there is a finding of this severity or a graver one.",
)

columns = _stacked(
    *(
        click.option(flag, name, metavar="COLUMN", help=f"The column of {what}.")
        for flag, name, what in (
            ("--loss", "loss", "the loss that is learned from"),
            ("--step", "step", "the step, or of the epoch"),
            ("--lr", "lr", "the learning rate"),
            ("--grad-norm", "grad_norm", "the gradient's norm, of all parameters together"),
            ("--validation", "validation", "the loss on held-out rows"),
        )
    )
)
"""Which column of a log is what; guessed where they are not given."""

from_store = _stacked(store, as_json)
"""Options of what reads the store."""
