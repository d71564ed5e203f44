"""The figures of a trained network, from a record by hand: what they say, hold and draw."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from tests.show.figures.networks import (
    EPOCHS,
    TRIALS,
    explained_of,
    learned_of,
    network_of,
    plane_of,
)
from tests.show.figures.trainings import record_of

from steepest.records.document import to_json
from steepest.records.training import Epoch, LayerGradient, Trial, TrialSweep
from steepest.run.training import TrainingRun
from steepest.show.figures import (
    TRAINING,
    Figure,
    training_board,
    trials_figure,
)
from steepest.words.errors import UsageError

NAN, INF = math.nan, math.inf
SVG = "{http://www.w3.org/2000/svg}"


def figure(kind: str, **changes: Any) -> Figure:
    return TrainingRun(network_of(learned_of(**changes))).figure(kind)


def words(svg: str) -> list[str]:
    root = ET.fromstring(svg)
    return ["".join(text.itertext()).strip() for text in root.iter(f"{SVG}text")]


# The board


def test_a_network_has_all_of_them_in_order() -> None:
    board = training_board(network_of())
    assert tuple(found.kind for found in board.figures) == tuple(TRAINING)
    assert board.notes == ()
    found = json.loads(to_json(board.to_dict()))
    assert [one["kind"] for one in found["figures"]] == list(TRAINING)


def test_a_watched_training_has_those_that_apply() -> None:
    watched = record_of([2.0, 1.0])
    assert [one.kind for one in training_board(watched).figures] == ["training", "layers"]
    with pytest.raises(UsageError, match=r"no epochs figure\. Only a training by steepest\.train"):
        TrainingRun(watched).figure("epochs")


MISSING = [
    pytest.param("epochs", {"epochs": ()}, "No epoch was finished", id="no epoch"),
    pytest.param("confusion", {"classes": None}, "tells classes", id="numbers"),
    pytest.param("rates", {"trials": TRIALS[:1]}, "No learning rates were tried", id="one rate"),
    pytest.param("network", {"explained": None}, "that took a step", id="not explained"),
    pytest.param("pictures", {"picture": None}, "inputs are no pictures", id="no pictures"),
    pytest.param("pictures", {"explained": None}, "No gradient was explained", id="no gradient"),
    pytest.param("plane", {"plane": None}, "was not measured", id="no plane"),
]


@pytest.mark.parametrize(("kind", "changes", "why"), MISSING)
def test_what_there_is_none_of(kind: str, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=rf"no {kind} figure\. .*{why}"):
        figure(kind, **changes)
    board = training_board(network_of(learned_of(**changes)))
    assert kind not in [one.kind for one in board.figures]


# What they say

TITLES = [
    pytest.param(
        "epochs",
        {},
        "In 3 epochs the loss falls from 2 to 0.5; on the rows held out it is lowest after epoch "
        "2: 0.9, with 87.5 % right.",
        id="epochs",
    ),
    pytest.param(
        "epochs", {"best": None}, "In 3 epochs the loss falls from 2 to 0.5.", id="none held out"
    ),
    pytest.param(
        "epochs",
        {"epochs": EPOCHS[:1], "best": 1},
        "In the first epoch the loss is 2; on the rows held out it is lowest after epoch 1, the "
        "last: 1.8, with 50 % right.",
        id="one epoch",
    ),
    pytest.param(
        "epochs",
        {"epochs": (EPOCHS[0], Epoch(2, 8, NAN, 0.1)), "best": None},
        "In 2 epochs the loss goes from 2 to one that is not a number.",
        id="lost",
    ),
    pytest.param(
        "confusion",
        {},
        "Of 8 rows held out 6 are given their own class (75 %); most often it takes seven for "
        "three, twice.",
        id="one mistake",
    ),
    pytest.param(
        "confusion",
        {"confusion": np.array([[4, 1], [1, 2]]), "held_out": 0},
        "Of 8 rows learned from 6 are given their own class (75 %); no mistake is made twice.",
        id="single mistakes",
    ),
    pytest.param(
        "confusion",
        {"confusion": np.diag([3, 5])},
        "All of 8 rows held out are given their own class.",
        id="no mistake",
    ),
    pytest.param(
        "confusion",
        {"confusion": np.array([[4, 3], [3, 2]])},
        "Of 12 rows held out 6 are given their own class (50 %); most often it takes three for "
        "seven and seven for three, 3 times each.",
        id="two mistakes",
    ),
    pytest.param(
        "rates",
        {},
        "Of 5 learning rates 0.1 has the lowest loss after 80 steps, 0.25, and is this training's; "
        "from 1 on they are too large.",
        id="rates",
    ),
    pytest.param(
        "rates",
        {"trials": (Trial(0.1, 9, INF), Trial(1.0, 9, INF))},
        "With all of 2 learning rates the loss is lost.",
        id="all lost",
    ),
    pytest.param(
        "rates",
        {"trials": (Trial(0.1, 9, 1.0), Trial(1.0, 2, INF)), "lr": 0.2},
        "Of 2 learning rates 0.1 has the lowest loss after 9 steps, 1; from 1 on the loss is lost.",
        id="one lost",
    ),
    pytest.param(
        "network",
        {},
        "On the way back through 2 layers the derivative goes from a length of 0.05 to 0.2 (4 times"
        " as long); the longest gradient is that of W2, 12.",
        id="network",
    ),
    pytest.param(
        "pictures",
        {},
        "Of 8 rows row 7 pulls hardest, with 50 % of the gradient's length: it is seven, the "
        "network says three; unit 2 of the first layer has the longest gradient, 5.",
        id="pictures",
    ),
    pytest.param(
        "pictures",
        {"explained": explained_of(unit_gradients=np.zeros((2, 4)))},
        "Of 8 rows row 7 pulls hardest, with 50 % of the gradient's length: it is seven, the "
        "network says three; the gradient of every unit of the first layer is zero.",
        id="dead units",
    ),
    pytest.param(
        "pictures",
        {
            "explained": explained_of(
                tensors=(LayerGradient("W1", (4, 2), 1.0, 0.0, 0.0),),
                unit_gradients=np.zeros((2, 4)),
            )
        },
        "None of 8 rows pulls at any weight: their gradient is zero.",
        id="no gradient",
    ),
    pytest.param(
        "plane",
        {},
        "The path leads down from a loss of 2 to 0.5, projected on the plane that holds 75 % of "
        "it.",
        id="plane",
    ),
]


@pytest.mark.parametrize(("kind", "changes", "title"), TITLES)
def test_what_they_say(kind: str, changes: dict[str, Any], title: str) -> None:
    found = figure(kind, **changes)
    assert found.title == title
    assert found.text.startswith(title)


def test_the_words_for_who_cannot_see() -> None:
    assert "After the last epoch it is 1.2; the weights of epoch 2 were kept." in (
        figure("epochs").text
    )
    assert "It takes seven for three: 2. Found of each class: three 100 %, seven 50 %." in (
        figure("confusion").text
    )
    rates = figure("rates").text
    assert "0.001: loss 2 after 10 steps, too small." in rates
    assert "10: loss lost after 3 steps, too large." in rates
    assert rates.endswith("Stability limit at step 0: 0.5.")
    assert "layer 2: 8×2: 5, back 0.05; b2: 2: 0.1, back 0; W2: 2×2: 1, back 12" in (
        figure("network").text
    )
    pictures = figure("pictures")
    assert "2 is three, the network says three, -10 %" in pictures.text
    assert pictures.text.endswith("Told wrong: 7 is seven, the network says three.")
    assert "Drawn are 1 of 2 rows told wrong." in pictures.notes
    plane = figure("plane")
    assert "lowest at 0 and 0, 0.5, and at most 2.5" in plane.text
    assert plane.notes[0].startswith("A projection: 75 % of the path's length (squared) lies in")


# What they hold


def test_of_many_epochs_the_best_is_drawn() -> None:
    many = tuple(Epoch(n, 4 * n, 1 / n, 0.1, 0.5, 1.0, 0.5) for n in range(1, 2001))
    found = figure("epochs", epochs=many, best=778)
    assert 778 in found.data["epoch"]
    assert len(found.data["epoch"]) <= 401
    assert "of 2,000 epochs" in " ".join(found.notes)
    assert len(to_json(found.to_dict())) < 60_000


def test_of_many_classes_those_that_are_mistaken_are_drawn() -> None:
    table = np.diag(np.full(100, 10))
    table[40, 7], table[7, 40], table[99, 0] = 3, 2, 1
    names = tuple(f"class {place}" for place in range(100))
    found = figure("confusion", classes=names, confusion=table)
    shown = found.data["classes"]
    assert len(shown) == 14
    assert {"class 7", "class 40", "class 99", "class 0"} <= set(shown)
    at = [shown.index("class 40"), shown.index("class 7")]
    assert found.data["counts"][at[0], at[1]] == 3
    assert found.data["totals"][at[0]] == 13
    assert found.notes == (
        "Drawn are the 14 of 100 classes that are mistaken most, with 6 of 6 mistakes.",
    )


def test_learning_rates_lie_in_the_zones_of_their_words() -> None:
    parts = figure("rates", trials=TRIALS[::-1]).data
    assert parts["lr"] == [0.001, 0.01, 0.1, 1.0, 10.0]
    assert parts["early"] == [True, True, False, False, False]
    assert (parts["limit"], parts["limit_said"]) == (0.5, "limit at step 0")
    assert [zone["word"] for zone in parts["zones"]] == ["too small", "just right", "too large"]
    for rate, word in zip(parts["lr"], parts["words"], strict=True):
        (zone,) = [z for z in parts["zones"] if z["low"] <= rate <= z["high"]]
        assert zone["word"] == word


def test_a_sweep_has_the_same_figure() -> None:
    sweep = TrialSweep("0", "4-2", "x.csv", "gd", None, 8, 80, 30, 2.3, 0.4, TRIALS, 1.0)
    found = trials_figure(sweep)
    assert "this training" not in found.title
    assert found.data["own"] is None
    assert (found.data["limit"], found.data["limit_said"]) == (0.4, "limit at the start")
    assert len(found.frames) == 1
    assert "limit at the start: 0.4" in words(found.to_svg())


def test_the_layers_are_linked_as_they_compute() -> None:
    nodes = figure("network").data["nodes"]
    assert [node["text"] for node in nodes] == [
        "inputs", "W1", "b1", "layer 1, relu", "W2", "b2", "layer 2", "loss: cross-entropy",
    ]  # fmt: skip
    assert [node["inputs"] for node in nodes] == [[], [], [], [0, 1, 2], [], [], [3, 4, 5], [6]]
    assert [node["depth"] for node in nodes] == [0, 0, 0, 1, 0, 0, 2, 3]
    assert (nodes[4]["forward"], nodes[4]["back"]) == ("2×2: 1", "12")
    assert nodes[0]["back"] == ""


def test_what_the_pictures_show() -> None:
    parts = figure("pictures").data
    assert [row["pixels"] for row in parts["rows"]] == [[0, 255, 128, 0], [64, 0, 0, 0]]
    assert [row["wrong"] for row in parts["rows"]] == [True, False]
    assert [row["share"] for row in parts["rows"]] == pytest.approx([0.5, -0.1])
    assert parts["missed"] == [
        {"row": 7, "is": "seven", "said": "three", "pixels": [0, 255, 128, 0]}
    ]
    first = parts["units"][0]
    assert first["weights"].tolist() == [50, -100, 0, 25]
    # Minus the gradient: what raises the loss is asked for less.
    assert first["asked"].tolist() == [-75, 100, 0, 0]
    assert (parts["weight"], parts["asked"], first["length"]) == (2.0, 4.0, 5.0)


@pytest.mark.parametrize("side", [32, 33, 200])
def test_large_pictures_are_drawn_coarsely(side: int) -> None:
    learned = learned_of(
        picture=(side, side),
        wrong_inputs=None,
        explained=explained_of(side * side),
    )
    found = TrainingRun(network_of(learned)).figure("pictures")
    block = -(-side // 32)
    assert found.data["width"] == found.data["height"] == -(-side // block) <= 32
    assert len(found.data["rows"][0]["pixels"]) == found.data["width"] ** 2
    assert any("mean of" in note for note in found.notes) == (side > 32)
    assert len(to_json(found.to_dict())) < 60_000


def test_a_dot_of_a_coarse_picture_is_the_mean_of_its_pixels() -> None:
    picture = np.arange(64.0 * 64.0).reshape(1, 64, 64)
    learned = learned_of(
        picture=(64, 64),
        wrong_inputs=None,
        explained=explained_of(
            4096, pulls=explained_of().pulls[:1], pictures=picture.reshape(1, -1)
        ),
    )
    parts = TrainingRun(network_of(learned)).figure("pictures").data
    means = np.array(
        [[picture[0, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean() for x in range(32)]
         for y in range(32)]
    )  # fmt: skip
    levels = 255 * (means - means.min()) / (means.max() - means.min())
    np.testing.assert_allclose(parts["rows"][0]["pixels"], np.rint(levels).ravel(), atol=1)


def test_the_cursor_picks_the_nearest_place_of_the_path() -> None:
    parts = figure("plane").data
    assert parts["place"] == [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2]
    assert parts["here"][3].tolist() == [-0.2, 0.1]


# What they draw

HOSTILE = ("</script><b>$x_{1}", "a\u202e\u0000\x1b[31m")


def strange() -> list[Any]:
    lost = np.array([[NAN, INF], [-INF, NAN]])
    return [
        pytest.param({}, id="as usual"),
        pytest.param({"classes": HOSTILE}, id="hostile classes"),
        pytest.param({"classes": None, "confusion": None, "best": None}, id="numbers"),
        pytest.param({"epochs": (Epoch(1, 4, NAN, 0.1),), "best": None}, id="a loss that is lost"),
        pytest.param({"channels": 3, "inputs": tuple("x" * 12), "kind": "pictures",
                      "wrong_inputs": np.ones((2, 12)),
                      "explained": explained_of(12)}, id="colours"),
        pytest.param({"plane": plane_of(losses=np.full((9, 9), NAN))}, id="no loss on the plane"),
        pytest.param({"plane": plane_of(path_losses=np.array([2.0, 1.0, INF]))}, id="lost path"),
        pytest.param({"trials": (Trial(0.1, 9, INF), Trial(1.0, 9, INF))}, id="lost rates"),
        pytest.param({"confusion": np.zeros((2, 2), dtype=int)}, id="no rows"),
        pytest.param({"explained": explained_of(
            unit_gradients=np.resize(lost, (2, 4)), unit_weights=np.zeros((2, 4)),
            pictures=np.full((2, 4), NAN))}, id="lost units"),
    ]  # fmt: skip


@pytest.mark.parametrize("changes", strange())
def test_they_are_drawn_whatever_there_is(changes: dict[str, Any]) -> None:
    for found in training_board(network_of(learned_of(**changes))).figures:
        said = words(found.to_svg())
        assert not {"nan", "inf", "-inf", "None"} & set(said)
        assert json.loads(to_json(found.to_dict()))["kind"] == found.kind


def test_hostile_classes_are_text() -> None:
    for kind in ("confusion", "pictures"):
        found = figure(kind, classes=HOSTILE)
        svg = found.to_svg()
        assert "<b>" not in svg
        assert any("</script><b" in text for text in words(svg))
        assert not re.search("[\u202e\0\x1b]", found.title + found.text + svg)


def test_what_is_drawn() -> None:
    said = set(words(figure("epochs").to_svg()))
    assert {"rows learned from", "rows held out", "best: epoch 2", "loss", "right"} <= said
    said = set(words(figure("confusion").to_svg()))
    assert {"three", "seven", "4", "2", "what it is ↓", "what the network says →"} <= said
    assert "limit at step 0: 0.5" in words(figure("rates").to_svg())
    assert {"W1", "layer 1, relu", "8×2: 6"} <= set(words(figure("network").to_svg()))
    said = set(words(figure("pictures").to_svg()))
    assert {"row 7", "50 %", "seven, said", "three", "unit 2"} <= said
    assert "start" in words(figure("plane").to_svg())


def test_dots_stay_square_in_a_file() -> None:
    svg = figure("pictures").to_svg()
    assert svg.count("image-rendering:pixelated") == 2 + 2 * 2 + 1
