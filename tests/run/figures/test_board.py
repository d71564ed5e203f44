"""The figures of runs, against the tutorial's numbers by NumPy."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.specimens import (
    FORMULA,
    HESSIAN,
    INPUTS,
    LR,
    SPEED,
    SPEEDS,
    START,
    TIME,
    descent_path,
    gradient,
    loss,
)

import steepest
from steepest.records.arrays import Vector
from steepest.records.document import to_json
from steepest.show.figures import RUN, Board, Figure
from steepest.words.errors import UsageError

PATH = descent_path(LR, 11)
BEST = np.asarray(np.linalg.lstsq(INPUTS, SPEEDS, rcond=None)[0])
DIGITS = 5.1e-5
"""Curves have five digits."""

START_BY_NAME = dict(zip("abc", START.tolist(), strict=True))


def speed(**options: Any) -> steepest.Run:
    return steepest.fit(SPEED, FORMULA, start=START_BY_NAME, remedies=False, **options)


@pytest.fixture(scope="module")
def run() -> steepest.Run:
    return speed(lr=LR, steps=10)


@pytest.fixture(scope="module")
def board(run: steepest.Run) -> Board:
    return run.figures()


def figures(board: Board, kind: str) -> list[Figure]:
    return [figure for figure in board.figures if figure.kind == kind]


def measured(board: Board) -> list[str]:
    """Kinds for which something is measured; others are of every path."""
    return [figure.kind for figure in board.figures if RUN[figure.kind].make is None]


def losses(points: Vector) -> Vector:
    return np.array([loss(point) for point in points.reshape(-1, 3)])


def test_the_board_of_the_tutorial(board: Board, run: steepest.Run) -> None:
    kinds = measured(board)
    assert kinds == [
        *("fit", "loss", "sweep", "contour", "contour", "contour", "slice", "slice", "slice"),
        *("pulls", "residuals", "spectrum", "backward", "surface"),
    ]
    found = json.loads(to_json(board.to_dict()))
    assert len(to_json(found)) < 200_000
    assert found["frames"] == list(range(11))
    assert found["at"] == 10
    assert found["headline"] == run.verdict.headline
    assert [finding["code"] for finding in found["findings"]] == ["SD205", "SD201", "SD304"]
    np.testing.assert_allclose(found["values"], PATH[:11], rtol=1e-9)
    np.testing.assert_allclose(found["gradient"], [gradient(w) for w in PATH[:11]], rtol=1e-7)
    np.testing.assert_allclose(found["loss"], losses(PATH[:11]), rtol=1e-9)
    assert board.frames.following is not None
    np.testing.assert_allclose(board.frames.following, PATH[1:12], rtol=1e-9)
    assert found["notes"] == []


def test_the_title_of_each(board: Board) -> None:
    titles = [one.title for one in board.figures if RUN[one.kind].make is None]
    assert titles[:4] == [
        "After 10 steps the model misses the data by 16.85 (root mean square); at the minimum by "
        "1.02.",
        "The loss falls from 679 to 284 in 3 steps, then stays; the minimum is 1.04.",
        titles[2],
        "In 10 steps a goes 24 % of the way to the minimum, and c 0.0041 %.",
    ]
    assert titles[2].endswith("this run's 1e-05 needs 1,971,722 steps.")
    for figure in board.figures:
        assert figure.title.endswith(".")
        assert figure.text.startswith(figure.title)


def test_the_fit_and_the_residuals(board: Board) -> None:
    (fit,), (residuals,) = figures(board, "fit"), figures(board, "residuals")
    parts = fit.data
    assert parts["mode"] == "curve"
    np.testing.assert_allclose(parts["data_x"], TIME, rtol=DIGITS)
    np.testing.assert_allclose(parts["data_y"], SPEEDS, rtol=DIGITS)
    predicted = PATH[:11] @ INPUTS.T
    np.testing.assert_allclose(parts["predicted"], predicted, rtol=DIGITS)
    x = parts["curve_x"]
    assert (x[0], x[-1]) == (0.0, 19.0)
    exact = np.linspace(0, 19, len(x))
    design = np.stack([exact**2, exact, np.ones_like(exact)])
    np.testing.assert_allclose(parts["curve_y"], PATH[:11] @ design, rtol=DIGITS, atol=1e-6)
    np.testing.assert_allclose(parts["best_y"], BEST @ design, rtol=DIGITS)
    left = SPEEDS - predicted
    np.testing.assert_allclose(residuals.data["residual"], left, rtol=DIGITS, atol=1e-9)
    assert residuals.title == "After 10 steps the residuals reach from -8.52 to 46.41."
    assert np.min(left[10]) == pytest.approx(-8.52, abs=5e-3)


def test_panels_are_the_models_of_the_steps_asked_for(run: steepest.Run) -> None:
    figure = run.figure("panels", steps=[7, 0, 3], ylim=(-300, 30))
    parts, steps = figure.data, [0, 3, 7]
    assert parts["step"].tolist() == figure.frames.step.tolist() == steps
    predicted = PATH[steps] @ INPUTS.T
    np.testing.assert_allclose(parts["predicted"], predicted, rtol=DIGITS)
    exact = np.linspace(0, 19, len(parts["curve_x"]))
    design = np.stack([exact**2, exact, np.ones_like(exact)])
    np.testing.assert_allclose(parts["curve_y"], PATH[steps] @ design, rtol=DIGITS, atol=1e-6)
    assert parts["range"].tolist() == [-300, 30]
    # What is cut off is counted, and the loss that the title tells is that of NumPy.
    above, over = int(np.sum(SPEEDS > 30)), int(np.sum(predicted > 30))
    assert figure.notes == (f"{above} targets and {over} predictions lie outside of -300 to 30.",)
    first, last = losses(PATH[[0, 7]])
    assert figure.title == f"From step 0 to 7 the loss goes from {first:.0f} to {last:.0f}."
    svg = figure.to_svg()
    for said in ("step 0", "step 3", "step 7", "−300"):
        assert f">{said}</text>" in svg
    usual = run.figure("panels")
    assert usual.frames.step.tolist() == [0, 1, 2, 3]
    assert usual.data["range"] is None


def test_panels_of_several_columns_show_targets_by_predictions() -> None:
    x, z = np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 0.0, 0.0, 2.0])
    y = np.array([1.0, 2.0, 4.0, 9.0])
    run = steepest.fit({"x": x, "z": z, "y": y}, "y ~ a*x + b*z", start={"a": 1.0, "b": 0.5},
                       lr=0.01, steps=1, remedies=False)  # fmt: skip
    figure = run.figure("panels", steps=[1])
    left = x + 0.5 * z - y
    stepped = np.array([1.0, 0.5]) - 0.01 * np.array([2 * left @ x, 2 * left @ z]) / 4
    assert figure.data["mode"] == "predicted"
    np.testing.assert_allclose(figure.data["predicted"], [stepped @ [x, z]], rtol=DIGITS)
    assert figure.title.startswith("At step 1 the loss is ")


@pytest.mark.parametrize("place", range(3))
def test_a_slice_with_its_tangent(board: Board, place: int) -> None:
    parts = figures(board, "slice")[place].data
    assert (parts["weight"], parts["index"]) == ("abc"[place], place)
    values = parts["values"]
    for frame in (0, 4, 10):
        points = np.tile(PATH[frame], (len(values), 1))
        points[:, place] = np.linspace(values[0], values[-1], len(values))
        np.testing.assert_allclose(parts["losses"][frame], losses(points), rtol=5e-4)
        # The slope is that of the curve, by central differences.
        nudge = np.zeros(3)
        nudge[place] = 1e-5 * max(abs(PATH[frame][place]), 1e-2)
        up, down = loss(PATH[frame] + nudge), loss(PATH[frame] - nudge)
        slope = (up - down) / (2 * nudge[place])
        np.testing.assert_allclose(parts["slope"][frame], slope, rtol=1e-5, atol=1e-5)
        moved = PATH[frame].copy()
        moved[place] = PATH[frame + 1][place]
        np.testing.assert_allclose(parts["next"][frame], moved[place], rtol=1e-9)
        np.testing.assert_allclose(parts["next_loss"][frame], loss(moved), rtol=1e-9)
    assert parts["minimum"] == pytest.approx(BEST[place], rel=1e-9)
    assert values[0] < min(*PATH[:, place], BEST[place])
    assert values[-1] > max(*PATH[:, place], BEST[place])


def test_a_contour_and_its_surface(board: Board) -> None:
    contour, (surface,) = figures(board, "contour")[0], figures(board, "surface")
    parts = contour.data
    assert parts["weights"] == ("a", "c")
    assert parts["held"] == {"text": "b as at the minimum"}
    for i, j in ((0, 0), (47, 0), (13, 30)):
        point = np.array([parts["grid_x"][j], BEST[1], parts["grid_y"][i]])
        np.testing.assert_allclose(parts["grid"][i, j], loss(point), rtol=2e-3)
    np.testing.assert_allclose(parts["path_x"], PATH[:11, 0], rtol=DIGITS)
    np.testing.assert_allclose(parts["here"], PATH[:11][:, [0, 2]], rtol=1e-9)
    np.testing.assert_allclose(parts["next"], PATH[1:12][:, [0, 2]], rtol=1e-9)
    np.testing.assert_allclose(parts["minimum"], BEST[[0, 2]], rtol=1e-9)
    on_plane = PATH[:11].copy()
    on_plane[:, 1] = BEST[1]
    np.testing.assert_allclose(surface.data["height"], losses(on_plane), rtol=DIGITS)
    np.testing.assert_allclose(surface.data["path_height"], losses(on_plane), rtol=DIGITS)
    np.testing.assert_allclose(surface.data["minimum_height"], loss(BEST), rtol=1e-9)


def test_the_pulls_add_up_to_the_partial(board: Board) -> None:
    (figure,) = figures(board, "pulls")
    parts = figure.data
    amounts = 2 * INPUTS * (PATH[:11] @ INPUTS.T - SPEEDS)[:, :, None] / len(TIME)
    assert parts["row"].tolist() == list(range(20))
    np.testing.assert_allclose(parts["amount"], amounts.transpose(0, 2, 1), rtol=1e-4, atol=1e-9)
    total = np.sum(parts["amount"], axis=2) + parts["rest"]
    np.testing.assert_allclose(total[0], gradient(START), rtol=1e-4)
    assert not np.any(parts["rest"])


def test_the_spectrum(board: Board) -> None:
    (figure,) = figures(board, "spectrum")
    values, vectors = np.linalg.eigh(HESSIAN)
    np.testing.assert_allclose(figure.data["eigenvalues"], values, rtol=DIGITS)
    align = np.abs(np.sum(figure.data["vectors"] * vectors.T, axis=1))
    np.testing.assert_allclose(align, 1.0, atol=1e-4)
    assert figure.data["bound"] == pytest.approx(2 / LR)
    assert "below 2/1e-05 = 200,000." in figure.data["bound_text"]


def test_along_the_links_of_the_backward_pass_all_numbers_multiply(board: Board) -> None:
    """Through one row to differences of its share of the loss; over all to those of the loss."""
    parts = figures(board, "backward")[0].data
    nodes, row = parts["nodes"], parts["row"]

    def share(weights: Vector) -> float:
        """Of the loss, that of the row."""
        return float((INPUTS[row] @ weights - SPEEDS[row]) ** 2 / len(SPEEDS))

    def slope(of: Any, weights: Vector, place: int) -> float:
        moved = 1e-4 * np.eye(3)[place]
        return float((of(weights + moved) - of(weights - moved)) / 2e-4)

    for frame, weights in enumerate(PATH[:11]):
        slopes = iter(parts["slopes"][frame])
        links = {
            node["id"]: [(source, next(slopes)) for source in node["inputs"]] for node in nodes
        }
        reached = dict.fromkeys(links, 0.0) | {nodes[-1]["id"]: 1.0}
        for node in reversed(nodes):
            assert all(nodes[place]["depth"] < node["depth"] for place in node["inputs"])
            for source, factor in links[node["id"]]:
                reached[source] += reached[node["id"]] * factor
        np.testing.assert_allclose(parts["adjoint"][frame], [*reached.values()], rtol=1e-3)
        ends = [(node["id"], node["weight"]) for node in nodes if node["weight"] is not None]
        assert len(ends) == 3
        for place, weight in ends:
            assert reached[place] == pytest.approx(slope(share, weights, weight), rel=1e-3)
            every = parts["adjoint_sum"][frame, place]
            assert every == pytest.approx(slope(loss, weights, weight), rel=1e-4)
    np.testing.assert_allclose(parts["value_mean"][:, -1], losses(PATH[:11]), rtol=DIGITS)
    np.testing.assert_array_equal(parts["adjoint"][:, -1], 1.0)


def test_the_sweep_against_the_eigenvalues(board: Board) -> None:
    parts = figures(board, "sweep")[0].data
    values, vectors = np.linalg.eigh(HESSIAN)
    modes = vectors.T @ (START - BEST)
    limit, allowed = 2 / values[-1], 0.01 * loss(BEST)
    assert parts["limit"] == pytest.approx(limit)
    for lr, steps, outcome in zip(parts["lr"], parts["steps"], parts["outcome"], strict=True):
        if outcome == "diverged":
            assert lr > limit
            continue
        assert outcome == "arrived"
        left = [
            float(np.sum(0.5 * values * modes**2 * (1 - lr * values) ** (2 * step)))
            for step in (steps - 1, steps)
        ]
        assert left[1] <= allowed * (1 + 1e-6)
        assert left[0] > allowed * (1 - 1e-6)
    assert parts["here"] == {"lr": LR, "steps": 1_971_722}
    words = [zone["word"] for zone in parts["zones"]]
    assert words == ["too small", "just right", "too large"]
    assert parts["zones"][-1]["low"] == pytest.approx(limit, rel=DIGITS)


def test_an_expression_of_one_variable() -> None:
    run = steepest.minimize("x**2", start={"x": 3}, lr=0.1, steps=5, remedies=False)
    figure = run.figures().figures[0]
    assert figure.kind == "function"
    parts = figure.data
    points = 3 * 0.8 ** np.arange(7)
    np.testing.assert_allclose(parts["here"], points[:6])
    np.testing.assert_allclose(parts["slope"], 2 * points[:6])
    np.testing.assert_allclose(parts["next"], points[1:])
    np.testing.assert_allclose(parts["next_loss"], points[1:] ** 2)
    np.testing.assert_allclose(parts["losses"], parts["values"] ** 2, rtol=2e-4, atol=1e-9)
    assert parts["minimum"] == pytest.approx(0.0, abs=1e-9)


def test_classes() -> None:
    x = np.linspace(-2, 2, 21)
    ill = (x > 0.3).astype(float)
    ill[3], ill[18] = 1.0, 0.0
    run = steepest.fit(
        {"age": x, "ill": ill},
        "ill ~ a*age + b",
        loss="cross-entropy",
        lr=0.5,
        steps=20,
        start={"a": 0, "b": 0},
        remedies=False,
    )
    figure = run.figure("fit")
    weights = run.trace.weights[-1]
    probability = 1 / (1 + np.exp(-(weights[0] * x + weights[1])))
    np.testing.assert_allclose(figure.data["predicted"][-1], probability, rtol=1e-4)
    right = int(np.sum((probability >= 0.5) == (ill > 0.5)))
    assert figure.title.startswith(f"After 20 steps the model tells {right} of 21 rows right")


@pytest.mark.parametrize(
    ("expression", "options", "opens", "title"),
    [
        pytest.param(
            "x**2", {"start": {"x": 3.0}, "lr": 2.0, "steps": 40}, 2,
            "The loss grows from 9 to 2.82e+11 in 11 steps.", id="diverged",
        ),
        pytest.param(
            "log(x) + x**2", {"start": {"x": 1.0}, "lr": 1.2, "steps": 9}, 0,
            "The loss is 1 at the start, and not finite from step 1 on.", id="not a number",
        ),
        pytest.param(
            "log(x)", {"start": {"x": -1.0}, "lr": 1.2, "steps": 9}, 0,
            "The loss is not a finite number at any step.", id="nothing finite",
        ),
        pytest.param(
            "x**2", {"start": {"x": 3.0}, "lr": 0.1, "steps": 0}, 0,
            "The loss is 9 at the start, and no step was taken; the minimum is 0.", id="no step",
        ),
        pytest.param(
            "x**2", {"start": {"x": 3.0}, "lr": 0.1, "steps": 1}, 1,
            "The loss falls from 9 to 5.76 in 1 step; the minimum is 0.", id="one step",
        ),
        pytest.param(
            "(x - y)**2", {"start": {"x": 3.0, "y": 1.0}, "optimizer": "lbfgs"}, None,
            None, id="a solver",
        ),
    ],
)  # fmt: skip
def test_runs_that_went_otherwise(
    expression: str, options: dict[str, Any], opens: int | None, title: str | None
) -> None:
    run = steepest.minimize(expression, remedies=False, **options)
    board = run.figures()
    assert board.frames.last == run.record.descent.steps
    found = json.loads(to_json(board.to_dict()))
    (shown,) = [figure for figure in found["figures"] if figure["kind"] == "loss"]
    if title is not None:
        assert shown["title"] == title
    if opens is not None:
        assert found["at"] == opens
    for figure in found["figures"]:
        assert figure["title"].endswith(".")


def test_a_long_run_is_shown_from_its_first_steps_to_its_last() -> None:
    run = speed(lr=LR, steps=2_000_000)
    board = run.figures()
    assert len(to_json(board.to_dict())) < 600_000
    step = board.frames.step
    assert (step[0], step[1], step[-1]) == (0, 1, 2_000_000)
    assert 40 <= len(step) <= 61
    for place in (1, 20, 40, len(step) - 1):
        exact = run.at(int(step[place]))
        assert board.frames.loss[place] == exact.loss
        assert board.frames.values[place].tolist() == list(exact.weights.values())
    (figure,) = figures(board, "loss")
    assert len(figure.data["step"]) <= 1001
    assert set(step.tolist()) <= set(figure.data["step"].tolist())
    opened = run.figure("fit", step=1_234_567)
    assert int(opened.frames.step[opened.frames.opens]) == 1_234_567
    assert opened.title.startswith("After 1,234,567 steps")


def test_many_weights_and_rows() -> None:
    chance = np.random.default_rng(3)
    columns = chance.normal(size=(3000, 9))
    data = {f"x{place}": column for place, column in enumerate(columns.T)}
    target = columns @ np.arange(9.0) + chance.normal(size=3000)
    formula = "y ~ w + " + " + ".join(f"w{place}*x{place}" for place in range(9))
    run = steepest.fit({**data, "y": target}, formula, lr=0.05, steps=200, remedies=False)
    board = run.figures()
    assert len(to_json(board.to_dict())) < 600_000
    assert len(figures(board, "slice")) == 10
    assert len(figures(board, "contour")) == 3
    assert len(board.frames) <= 31
    (fit,) = figures(board, "fit")
    assert fit.data["mode"] == "predicted"
    assert fit.notes[0].startswith("Drawn are")
    rows = fit.data["row"]
    np.testing.assert_allclose(fit.data["data_y"], target[rows], rtol=DIGITS)
    final = board.frames.values[-1]
    exact = final[0] + columns[rows] @ final[1:]
    np.testing.assert_allclose(fit.data["predicted"][-1], exact, rtol=1e-4, atol=1e-6)
    (pulls,) = figures(board, "pulls")
    total = np.sum(pulls.data["amount"][0], axis=1) + pulls.data["rest"][0]
    np.testing.assert_allclose(total, board.frames.gradient[0], rtol=1e-3, atol=1e-6)


def test_scaled_columns_and_batches_are_said() -> None:
    scaled = speed(standardize=True, lr=0.05, steps=5).figure("slice", weight="a")
    assert "The weights are those for the columns after scaling." in scaled.notes
    batched = speed(batch_size=4, lr=1e-6, steps=5, time_limit=0.3).figures()
    note = "The loss and the slope at a step are those of its batch of 4 rows, not of all."
    for kind in ("loss", "slice", "contour", "pulls"):
        assert note in figures(batched, kind)[0].notes


# Kept runs


def loaded(run: str, place: Path) -> steepest.Run:
    found = steepest.load(run, place)
    assert isinstance(found, steepest.Run)
    return found


def test_a_kept_run_has_the_same_figures(tmp_path: Path) -> None:
    new = speed(lr=LR, steps=3, store=tmp_path / "runs.db")
    assert new.id is not None
    kept = loaded(new.id, tmp_path / "runs.db")
    assert kept.figures().to_dict() == new.figures().to_dict()
    assert kept.figure("loss").title == new.figure("loss").title


def test_without_its_data_a_kept_run_shows_what_it_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steepest.store.recording.MOST_DATA", 10)
    path = tmp_path / "speed.csv"
    path.write_bytes(SPEED.read_bytes())
    new = steepest.fit(
        path, FORMULA, start=START_BY_NAME, lr=LR, steps=10, remedies=False, store=tmp_path / "r.db"
    )
    assert new.id is not None
    path.write_text("time,speed\n1,2\n2,3\n3,5\n", "utf-8")
    board = loaded(new.id, tmp_path / "r.db").figures()
    assert measured(board) == ["loss", "sweep", "spectrum"]
    assert board.notes[0].startswith("Figures around the path are left out. The data has changed")
    np.testing.assert_allclose(board.frames.loss, losses(PATH[:11]), rtol=1e-9)
    with pytest.raises(steepest.InputError, match="The data has changed"):
        loaded(new.id, tmp_path / "r.db").figure("fit")


# What is asked for wrongly


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        pytest.param("contuor", {}, "no such kind of figure. Given: contuor. Did you mean contour",
                     id="kind"),
        pytest.param("slice", {"weight": "d"}, "There is no such weight in this run", id="weight"),
        pytest.param("loss", {"weight": "a"}, "weight= is for a slice", id="weight of a loss"),
        pytest.param("fit", {"weights": ("a", "b")}, "weights= is for a contour or a surface",
                     id="weights of a fit"),
        pytest.param("contour", {"weights": ("a", "a")}, "two different weights", id="twice"),
        pytest.param("contour", {"weights": ("a", "b", "c")}, r'weights=\("a", "b"\)', id="three"),
        pytest.param("fit", {"step": 11}, "no such step in this descent. Given: 11", id="step"),
        pytest.param("panels", {"steps": [3, 11]}, "no such step in this descent. Given: 11",
                     id="panel"),
        pytest.param("panels", {"steps": []}, "panels of 1 to 24 steps. Given: 0", id="no panel"),
        pytest.param("panels", {"ylim": (3, 3)}, r"Write ylim=\(-300, 100\)", id="ylim"),
        pytest.param("fit", {"steps": [1]}, "are for panels. Given: a fit figure", id="steps"),
        pytest.param("function", {}, "It is for an expression of one variable", id="no function"),
    ],
)  # fmt: skip
def test_bad_input(run: steepest.Run, kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run.figure(kind, **options)


def test_what_a_run_does_not_have() -> None:
    run = steepest.minimize("x**2", start={"x": 3.0}, lr=2.0, steps=3, remedies=False)
    for kind in ("fit", "residuals", "pulls", "panels"):
        with pytest.raises(UsageError, match=f"no {kind} figure. An expression has no rows"):
            run.figure(kind)
    with pytest.raises(UsageError, match=r"no surface figure\. It takes two weights"):
        run.figure("surface")
    solved = steepest.minimize("x**2", start={"x": 3.0}, optimizer="lbfgs", remedies=False)
    with pytest.raises(
        UsageError, match=r"no sweep figure\. lbfgs chooses the length of its steps"
    ):
        solved.figure("sweep")


def test_chosen_weights(run: steepest.Run) -> None:
    assert run.figure("contour", weights=("b", "a")).data["weights"] == ("b", "a")
    assert run.figure("surface").data["weights"] == ("a", "c")
    assert run.figure("slice").data["weight"] == "a"
    assert run.figure("slice", weight="c").data["index"] == 2


def test_names_in_any_script() -> None:
    x = np.linspace(0.0, 1.0, 8)
    data = {"Zeit in s": x, "速度 $v$": 2 * x + 1}
    run = steepest.fit(data, "`速度 $v$` ~ a*`Zeit in s` + b", lr=0.5, steps=4, remedies=False)
    figure = json.loads(to_json(run.figure("fit").to_dict()))
    assert figure["x"]["label"] == "Zeit in s"
    assert "速度 $v$" in figure["y"]["label"]
    assert not math.isnan(figure["curve_x"][0])


def test_a_sweep_on_its_own() -> None:
    sweep = steepest.sweep(SPEED, FORMULA, (1e-6, 1e-4, 5), start=START_BY_NAME)
    figure = sweep.figure()
    assert figure.title.startswith("The quickest learning rate is 3.16228e-05 with 623,511 steps.")
    found = json.loads(to_json(figure.to_dict()))
    assert found["frames"] == []
    assert found["outcome"] == ["arrived"] * 4 + ["diverged"]
