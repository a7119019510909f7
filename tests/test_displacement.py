"""Curved resamples against scipy: elastic deformation, grid distortion, lens distortion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import interpolate, ndimage

import augreg
from augreg.errors import OpError
from augreg.families import splines
from augreg.families.call import call_op
from augreg.plugin.registry import default_registry
from augreg.testing import check_op, registry_with
from augreg.views.explain import explain
from augreg.xp import NUMPY

H, W = 40, 56
MODES = {"fill": "reflect", "fill_value": 0.0, "interpolation": "bilinear"}
RNG = np.random.default_rng(7)
PHOTO = ndimage.gaussian_filter(RNG.uniform(size=(H, W, 3)), (1.5, 1.5, 0)).astype(np.float32)
SCIPY = {
    "reflect": "reflect",
    "nearest": "nearest",
    "wrap": "grid-wrap",
    "constant": "grid-constant",
}


def offsets_of(op: str, count: int = 1, size: Any = (H, W), **given: Any) -> Any:
    """What an op returns for drawn or given arguments, float32 [count,gh,gw,2]."""
    params = default_registry().get(op).params
    arguments: dict[str, Any] = dict(MODES)
    for name, param in params.items():
        if name in given:
            value = given[name]
            arguments[name] = value if param.static else np.full(count, value, np.float32)
        elif name not in MODES:
            shape = (count, param.count)
            arguments[name] = RNG.uniform(size=shape).astype(np.float32)
    return call_op(default_registry().get(op), NUMPY, arguments, size)


def at(offsets: np.ndarray, spline: str, *places: np.ndarray) -> np.ndarray:
    """Offsets [gh,gw,2] at rows and columns, in cells, by scipy's splines: float64 [...,2]."""
    degree = {"linear": 1, "cubic": 3}[spline]
    bases = []
    for points, place in zip(offsets.shape, places, strict=False):
        knots = np.arange(-degree, points + 1)
        bases.append(interpolate.BSpline(knots, np.eye(points), degree)(place))
    return np.einsum("...i,...j,ijc->...c", *bases, np.asarray(offsets, float))


def in_cells(transform: Any, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    more = {"linear": 1, "cubic": 3}[transform.spline]
    rows, columns = (points - more for points in transform.offsets.shape[1:3])
    return y * rows / (H - 1), x * columns / (W - 1)


def dense(transform: Any) -> np.ndarray:
    """float64 [H,W,2]: the offsets of the first sample at every pixel."""
    y, x = np.mgrid[:H, :W]
    return at(transform.offsets[0], transform.spline, *in_cells(transform, x, y))


def warped(image: np.ndarray, x: np.ndarray, y: np.ndarray, fill: str, order: int) -> np.ndarray:
    channels = [
        ndimage.map_coordinates(channel, [y, x], order=order, mode=SCIPY[fill], cval=0.25)
        for channel in np.moveaxis(image.astype(float), -1, 0)
    ]
    return np.stack(channels, axis=-1)


def run(steps: list[dict[str, Any]], image: np.ndarray = PHOTO, **more: Any) -> np.ndarray:
    made = augreg.augment(image, {"version": 1, "augment": steps}, seed=5, index=3, **more)
    return np.asarray(made)


def fixed(offsets: np.ndarray, spline: str, **modes: Any) -> Any:
    """A policy's registry with an op of these offsets."""

    @augreg.op("acme/bend", gray=True)
    def bend(xp: Any) -> augreg.Displacement:
        """Bends."""
        return augreg.Displacement(xp.array(offsets), spline, **modes)

    return registry_with(bend)


@pytest.mark.parametrize("fill", SCIPY)
@pytest.mark.parametrize("order", [1, 0])
@pytest.mark.parametrize("op", ["elastic", "grid_distortion"])
def test_pixels_are_scipys(op: str, order: int, fill: str) -> None:
    transform = offsets_of(op, amount=0.4, cells=3)
    modes = {"fill": fill, "fill_value": 0.25, "interpolation": ["nearest", "bilinear"][order]}
    registry = fixed(transform.offsets, transform.spline, **modes)
    policy = augreg.load_policy({"version": 1, "augment": [{"op": "acme/bend"}]}, registry=registry)
    made = augreg.augment(PHOTO, policy, seed=0)
    y, x = np.mgrid[:H, :W].astype(float)
    moved = dense(transform)
    expected = warped(PHOTO, x + moved[..., 0], y + moved[..., 1], fill, order)
    if order:
        np.testing.assert_allclose(made, expected, atol=1e-4)
    else:  # of two pixels that are equally near, scipy takes another
        assert (np.abs(made - expected) > 1e-4).mean() < 2e-3
    assert np.abs(made - PHOTO).mean() > 0.01


def test_affine_steps_before_it_share_its_resample() -> None:
    steps = [
        {"op": "flip", "axis": "horizontal"},
        {"op": "rotate", "degrees": 20},
        {"op": "elastic", "amount": 0.3, "cells": 4, "id": "bend"},
    ]
    policy = augreg.load_policy({"version": 1, "augment": steps})
    (stage,) = explain(policy, size=(H, W)).stages
    assert (
        stage.does == "3 steps share one bilinear resample by offsets on 7 x 7 points, fill reflect"
    )

    # the same offsets, alone, on an image of where its pixels are, say what the op has drawn
    y, x = np.mgrid[:H, :W].astype(np.float32)
    places = np.stack([x, y, 0 * x], axis=-1) / 64
    bent = run([{**steps[2], "fill": "nearest"}], places, input_range=(0, 1))
    inside = (bent[..., 0] > 0) & (bent[..., 0] < (W - 1) / 64)
    inside &= (bent[..., 1] > 0) & (bent[..., 1] < (H - 1) / 64)
    px, py = bent[..., 0] * 64.0 - (W - 1) / 2, bent[..., 1] * 64.0 - (H - 1) / 2
    c, s = np.cos(np.radians(20)), np.sin(np.radians(20))
    sx, sy = c * px - s * py, s * px + c * py
    expected = warped(PHOTO, (W - 1) / 2 - sx, sy + (H - 1) / 2, "reflect", 1)
    np.testing.assert_allclose(run(steps)[inside], expected[inside], atol=2e-3)


def test_what_comes_after_it_is_a_resample_of_its_own() -> None:
    steps = [{"op": "elastic", "amount": 0.3}, {"op": "rotate", "degrees": 20}]
    stages = explain(augreg.load_policy({"version": 1, "augment": steps}), size=(H, W)).stages
    assert [stage.why for stage in stages][1:] == [
        "after offsets, which can be the last of a resample only"
    ]


def test_branches_of_one_grid_are_one_resample_and_of_two_grids_are_two() -> None:
    def stages(*cells: int) -> int:
        branches = [{"op": "elastic", "amount": 0.3, "cells": n} for n in cells]
        policy = {
            "version": 1,
            "augment": [{"one_of": [{"op": "rotate", "degrees": 9}, *branches]}],
        }
        return len(explain(augreg.load_policy(policy), size=(H, W)).stages)

    assert (stages(4), stages(4, 4), stages(4, 5)) == (1, 1, 3)


def test_elastic_moves_control_points_by_a_share_of_a_cell() -> None:
    transform = offsets_of("elastic", 200, amount=0.4, cells=4)
    cell = np.array([(W - 1) / 4, (H - 1) / 4])
    shares = transform.offsets / cell
    assert transform.offsets.shape == (200, 7, 7, 2)
    assert 0.399 < np.abs(shares).max() <= 0.4 and abs(shares.mean()) < 0.01
    assert shares.std() == pytest.approx(0.4 / np.sqrt(3), rel=0.02)  # uniform


def test_grid_distortion_keeps_the_edges_and_squeezes_whole_columns() -> None:
    transform = offsets_of("grid_distortion", amount=0.9, cells=5)
    moved = dense(transform)
    np.testing.assert_allclose(moved[:, [0, -1], 0], 0, atol=1e-4)
    np.testing.assert_allclose(moved[[0, -1], :, 1], 0, atol=1e-4)
    np.testing.assert_allclose(moved[..., 0], np.tile(moved[:1, :, 0], (H, 1)), atol=1e-5)
    x = np.arange(W) + moved[0, :, 0]
    assert (np.diff(x) > 0).all() and np.ptp(np.diff(x)) > 0.5


@pytest.mark.parametrize("k", [-0.3, 0.2, 1.0])
@pytest.mark.parametrize("size", [(H, W), (33, 20), (1, 9), (2, 2)])
def test_lens_distortion_is_browns_first_term(k: float, size: tuple[int, int]) -> None:
    transform = offsets_of("optical_distortion", size=size, k=k)
    down, across = (np.arange(side) - (side - 1) / 2 for side in size)
    y, x = np.meshgrid(down, across, indexing="ij")
    # a side of one pixel has no extent: its offsets are those of one of two, and both ends differ
    corner = sum((max(side - 1, 1) / 2) ** 2 for side in size)
    stretch = k * (x**2 + y**2) / corner
    offsets = splines.dense(NUMPY, transform.offsets, transform.spline, size)
    if min(size) > 1:
        np.testing.assert_allclose(offsets[0][0], x * stretch, atol=1e-4)
        np.testing.assert_allclose(offsets[1][0], y * stretch, atol=1e-4)
    assert np.isfinite(offsets).all()


EXTREMES = {
    "elastic": [{"amount": 0.48, "cells": cells} for cells in (2, 4, 8)],
    "grid_distortion": [{"amount": 0.9, "cells": cells} for cells in (2, 5, 10)],
    "optical_distortion": [{"k": -0.3}, {"k": 1.0}],
}


@pytest.mark.parametrize(("op", "given"), [(op, one) for op in EXTREMES for one in EXTREMES[op]])
@pytest.mark.parametrize("draws", ["uniform", "ends"])
def test_points_go_back_where_they_came_from(op: str, given: dict[str, Any], draws: str) -> None:
    count = 40
    transform = offsets_of(op, count, **given)
    if draws == "ends":  # as far apart as neighbours can be
        ends = {
            name: RNG.integers(0, 2, (count, param.count)).astype(np.float32)
            for name, param in default_registry().get(op).params.items()
            if not param.static and param.default is None
        }
        arguments = {**{k: v for k, v in given.items() if k == "cells"}, **MODES, **ends}
        for name in set(given) - {"cells"}:
            arguments[name] = np.full(count, given[name], np.float32)
        transform = call_op(default_registry().get(op), NUMPY, arguments, (H, W))
    assert not splines.folds(NUMPY, transform.offsets, transform.spline, (H, W)).any()
    places = RNG.uniform([0, 0], [W - 1, H - 1], (count, 30, 2))
    cells = in_cells(transform, *np.moveaxis(places, -1, 0))
    fields = np.broadcast_to(transform.offsets, (count, *transform.offsets.shape[1:]))
    moved = [at(fields[b], transform.spline, cells[0][b], cells[1][b]) for b in range(count)]
    back = splines.solve(
        NUMPY, transform.offsets, transform.spline, (H, W), places + np.stack(moved)
    )
    np.testing.assert_allclose(back, places, atol=1e-3)


def test_offsets_that_fold_are_named() -> None:
    @augreg.op("acme/fold", gray=True, amount=augreg.Range(0.0, 1.0, default=0.9))
    def fold(xp: Any, size: Any, amount: Any) -> augreg.Displacement:
        """Turns columns around."""
        width = xp.array(size[1])
        row = xp.array([[0.0, 1.0, -1.0, 0.0]])
        x = xp.reshape(amount, (-1, 1, 1)) * xp.reshape(row, (1, 1, 4)) * width
        x = x + xp.zeros_like(xp.reshape(row, (1, 4, 1)))
        return augreg.Displacement(xp.stack([x, xp.zeros_like(x)], axis=-1), "linear")

    with pytest.raises(OpError, match=r"its offsets fold the image"):
        check_op(fold)


@pytest.mark.parametrize(
    ("shape", "spline", "said"),
    [
        ((1, 3, 4, 2), "cubic", r"has 3 x 4 offsets; a cubic spline takes 4 points or more"),
        ((1, 1, 4, 2), "linear", r"has 1 x 4 offsets; a linear spline takes 2 points or more"),
        ((1, 4, 4, 2), "quintic", r'has the spline "quintic"; allowed are linear, cubic'),
        (
            (1, 4, 4, 3),
            "cubic",
            r"Displacement.offsets has the shape .*; it has to be \[B, n, n, 2\]",
        ),
    ],
)
def test_offsets_that_are_none_are_named(shape: Any, spline: str, said: str) -> None:
    registry = fixed(np.zeros(shape, np.float32), spline)
    policy = augreg.load_policy({"version": 1, "augment": [{"op": "acme/bend"}]}, registry=registry)
    with pytest.raises(OpError, match=said):
        augreg.augment(PHOTO, policy, seed=0)


def test_a_displaced_choice_keeps_each_samples_own_map() -> None:
    images = np.repeat(PHOTO[None], 24, axis=0)
    group = {
        "one_of": [{"op": "elastic", "amount": 0.4, "id": "e"}, {"op": "rotate", "degrees": 30}]
    }
    made = augreg.augment(images, {"version": 1, "augment": [group]}, seed=5)
    rotated = run([{"op": "rotate", "degrees": 30}])
    alike = np.abs(made - rotated).max(axis=(1, 2, 3)) < 1e-5
    assert 3 < alike.sum() < 21
    alone = augreg.augment(
        images, {"version": 1, "augment": [{"op": "elastic", "amount": 0.4, "id": "e"}]}, seed=5
    )
    np.testing.assert_allclose(made[~alike], alone[~alike], atol=1e-6)


# --- boxes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    [
        {"op": "elastic", "amount": 0.45, "cells": 3, "fill": "constant"},
        {"op": "optical_distortion", "k": 0.8, "fill": "constant"},
    ],
)
def test_a_box_holds_what_its_rectangle_became(step: dict[str, Any]) -> None:
    height, width = 120, 160
    for index in range(6):
        mask = np.zeros((height, width), np.uint8)
        mask[30:90, 40:125] = 1
        element = {
            "images": np.zeros((height, width, 3), np.uint8),
            "masks": mask,
            "boxes": {
                "boxes": np.array([[40, 30, 125, 90.0]], np.float32),
                "labels": np.array([0]),
            },
        }
        policy = {"version": 1, "augment": [step]}
        out = augreg.augment(element, policy, seed=2, index=index, bounding_box_format="xyxy")
        ys, xs = np.nonzero(out["masks"])
        found = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
        np.testing.assert_allclose(out["boxes"]["boxes"][0], found, atol=1.5)
