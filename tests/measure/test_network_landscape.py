"""The plane through a network's last weights, against losses that PyTorch gives there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from steepest.measure.network_landscape import SIDE, loss_plane
from steepest.measure.network_probe import Point
from steepest.objective.networks import Network, first_weights, parse_network
from steepest.records.arrays import Matrix

NETWORK = parse_network("4-6-tanh-3")


def point_and_path(places: int = 12) -> tuple[Point, Matrix]:
    draws = np.random.default_rng(2)
    weights = first_weights(NETWORK, 0)
    end = np.concatenate([np.ravel(leaf) for pair in weights for leaf in pair])
    # Long in two directions, a little in all others.
    main = draws.normal(size=(2, len(end)))
    along = np.stack([np.linspace(1, 0, places) ** 2, np.sin(np.linspace(3, 0, places))], axis=1)
    path = end + along @ main + 0.01 * draws.normal(size=(places, len(end)))
    path[-1] = end
    inputs = draws.normal(size=(50, 4)).astype(np.float32)
    targets = draws.integers(0, 3, 50).astype(np.int32)
    return Point(NETWORK, "cross-entropy", weights, inputs, targets), path


def torch_loss(network: Network, flat: Any, point: Point) -> float:
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    at = 0
    with torch.no_grad():
        for parameter in model.parameters():
            size = parameter.numel()
            parameter.copy_(torch.from_numpy(flat[at : at + size].reshape(parameter.shape)))
            at += size
    outputs = model(torch.from_numpy(np.asarray(point.inputs, np.float64)))
    found = nn.functional.cross_entropy(outputs, torch.from_numpy(np.asarray(point.targets)).long())
    return float(found.detach())


def test_the_losses_of_the_path_are_the_true_ones() -> None:
    point, path = point_and_path()
    plane = loss_plane(point, path, np.arange(len(path)))
    assert plane is not None
    wanted = [torch_loss(NETWORK, flat, point) for flat in path]
    np.testing.assert_allclose(plane.path_losses, wanted, rtol=1e-4)
    assert plane.path[-1] == pytest.approx([0, 0], abs=1e-12)
    assert plane.rows == 50


def test_the_grid_holds_the_loss_of_the_weights_there() -> None:
    """The loss at a place is that of the end plus the place along the two directions.

    The directions are found again from the grid's own definition: filter by filter as long as the
    weights, in the plane in which the path is longest.
    """
    point, path = point_and_path()
    plane = loss_plane(point, path, np.arange(len(path)))
    assert plane is not None
    away = path - path[-1]
    main = np.linalg.svd(away, full_matrices=False)[2][:2]
    directions = np.stack([filter_normalized(path[-1], one) for one in main])
    for row, column in ((0, 0), (3, SIDE - 1), (SIDE // 2, 7)):
        flat = path[-1] + plane.first[column] * directions[0] + plane.second[row] * directions[1]
        assert plane.losses[row, column] == pytest.approx(
            torch_loss(NETWORK, flat, point), rel=1e-4
        )
    # Nothing in the plane is nearer to the path than its projection.
    projected = plane.path @ directions
    for direction in directions:
        np.testing.assert_allclose((away - projected) @ direction, 0, atol=1e-8)
    assert plane.share == pytest.approx(float((projected**2).sum() / (away**2).sum()))
    assert 0 < plane.share <= 1


def filter_normalized(end: Any, direction: Any) -> Any:
    """By a loop over the units."""
    found = np.zeros_like(direction)
    at = 0
    for layer in NETWORK.layers:
        size = layer.outputs * layer.inputs
        for unit in range(layer.outputs):
            places = [
                *range(at + unit * layer.inputs, at + (unit + 1) * layer.inputs),
                at + size + unit,
            ]
            scale = np.linalg.norm(end[places]) / np.linalg.norm(direction[places])
            found[places] = direction[places] * scale
        at += size + layer.outputs
    return found


def test_the_path_is_in_the_picture() -> None:
    point, path = point_and_path()
    plane = loss_plane(point, path, np.arange(len(path)))
    assert plane is not None
    for axis, column in ((plane.first, plane.path[:, 0]), (plane.second, plane.path[:, 1])):
        assert axis[0] <= column.min()
        assert axis[-1] >= column.max()


@pytest.mark.parametrize("case", ["short", "still", "lost"])
def test_no_plane_without_a_path(case: str) -> None:
    point, path = point_and_path()
    if case == "short":
        path = path[-2:]
    elif case == "still":
        path = np.repeat(path[-1:], 5, axis=0)
    else:
        path[2, 0] = np.nan
    assert loss_plane(point, path, np.arange(len(path))) is None
