"""Importing blurs, noise, dropout, weather and distortions: which steps their parameters give."""

from __future__ import annotations

from typing import Any

import pytest

import augreg

SIZE = (100, 200)


def imported(name: str, size: tuple[int, int] | None = SIZE, **parameters: Any) -> augreg.Imported:
    document = {"__class_fullname__": name, "p": 1.0, **parameters}
    return augreg.import_policy(document, size=size)


def compose(*transforms: Any) -> dict[str, Any]:
    return {"__class_fullname__": "Compose", "p": 1.0, "transforms": list(transforms)}


def steps(name: str, size: tuple[int, int] | None = SIZE, **parameters: Any) -> Any:
    return imported(name, size, **parameters).policy["augment"]


def differences(found: augreg.Imported) -> str:
    return found.report[0].text


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("Transpose", {}, {"op": "transpose"}),
        ("ToSepia", {}, {"op": "sepia"}),
        ("MedianBlur", {"blur_limit": [3, 3]}, {"op": "median_blur", "kernel_size": 3}),
        (
            "RandomToneCurve",
            {"scale": 0.2, "per_channel": False},
            {
                "op": "tone_curve",
                "low_y": {"normal": [0.25, 0.2], "min": 0, "max": 1},
                "high_y": {"normal": [0.75, 0.2], "min": 0, "max": 1},
            },
        ),
        (
            "PixelDropout",
            {"dropout_prob": 0.02, "per_channel": False, "drop_value": 0},
            {"op": "salt_and_pepper", "amount": 0.02, "salt": 0},
        ),
        (
            "Downscale",
            {"scale_range": [0.5, 0.5], "interpolation_pair": {"downscale": 6, "upscale": 1}},
            {"op": "downscale", "scale": 0.5, "down": "nearest", "up": "bilinear"},
        ),
        (
            "Downscale",
            {"scale_range": [1, 1], "interpolation_pair": {"downscale": 5, "upscale": 5}},
            {"op": "downscale", "scale": 1, "down": "bilinear", "up": "bilinear"},
        ),
        (
            "CoarseDropout",
            {
                "num_holes_range": [2, 6],
                "hole_height_range": [0.1, 0.2],
                "hole_width_range": [0.05, 0.1],
                "fill_mask": 0,
            },
            {
                "op": "coarse_dropout",
                "count": [2, 6],
                "hole_height": [0.095, 0.195],
                "hole_width": [0.0475, 0.0975],
                "targets": "hide",
            },
        ),
    ],
)
def test_what_is_the_same_is_exact(name: str, parameters: Any, expected: Any) -> None:
    found = imported(name, **parameters)
    assert found.policy["augment"] == [expected]
    assert found.report[0].status == "exact"


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        (
            "MotionBlur",
            {"blur_limit": [4, 7], "angle_range": [0, 90], "direction_range": [-1, 1]},
            {
                "op": "motion_blur",
                "kernel_size": 7,
                "degrees": [-90, 0],
                "length": {"choice": [5, 7]},
                "direction": [-1, 1],
            },
        ),
        (
            "MedianBlur",
            {"blur_limit": [3, 7]},
            {
                "one_of": [
                    {"op": "median_blur", "kernel_size": 3},
                    {"op": "median_blur", "kernel_size": 5},
                ],
                "weights": [1, 2],
            },
        ),
        ("MedianBlur", {"blur_limit": [5, 5]}, {"op": "median_blur", "kernel_size": 5}),
        (
            "CLAHE",
            {"clip_limit": [1, 4], "tile_grid_size": [6, 6]},
            {"op": "clahe", "clip_limit": [1, 4], "tiles": 6},
        ),
        ("ImageCompression", {"quality_range": [40, 90]}, {"op": "jpeg", "quality": [40, 90]}),
        (
            "ImageCompression",
            {"quality_lower": 40, "quality_upper": 90, "compression_type": 0},
            {"op": "jpeg", "quality": [40, 90]},
        ),
        (
            "SaltAndPepper",
            {"amount": [0.01, 0.06], "salt_vs_pepper": [0.4, 0.6]},
            {"op": "salt_and_pepper", "amount": [0.01, 0.06], "salt": [0.4, 0.6]},
        ),
        (
            "GridDropout",
            {"ratio": 0.4, "unit_size_range": [20, 50], "random_offset": False},
            {"op": "grid_mask", "unit": [0.2, 0.5], "ratio": 0.4},
        ),
        (
            "GridDropout",
            {"ratio": 0.4, "holes_number_xy": [8, 25], "unit_size_range": None},
            {"op": "grid_mask", "unit": 0.1, "ratio": 0.4},
        ),
        (
            "Cutout",
            {"num_holes": 3, "max_h_size": 20, "max_w_size": 40, "fill_value": 255},
            {
                "op": "erase",
                "count": 3,
                "place": "anywhere",
                "area": 0.04,
                "ratio": 2,
                "fill_value": 1,
            },
        ),
        (
            "RandomShadow",
            {
                "shadow_roi": [0, 0, 1, 1],
                "num_shadows_limit": [1, 1],
                "shadow_intensity_range": [0.3, 0.6],
            },
            {"op": "shadow", "strength": [0.3, 0.6], "extent": 0.31},
        ),
        (
            "RandomFog",
            {"alpha_coef": 0, "fog_coef_range": [0.3, 1]},
            {"op": "fog", "density": 0, "light": 1},
        ),
        (
            "RandomRain",
            {"slant_range": [-5, 5], "rain_type": "heavy", "brightness_coefficient": 1},
            {
                "op": "rain",
                "amount": 0.125,
                "length": 0.125,
                "degrees": [-5, 5],
                "light": 0.784313725,
            },
        ),
        (
            "GridDistortion",
            {"num_steps": 5, "distort_limit": [-0.3, 0.3], "normalized": True},
            {"op": "grid_distortion", "amount": 0.3, "cells": 5, "fill": "constant"},
        ),
        (
            "OpticalDistortion",
            {"distort_limit": [-0.2, 0.4], "mode": "fisheye", "border_mode": 0},
            {"op": "optical_distortion", "k": [-0.2, 0.4], "fill": "constant"},
        ),
    ],
)
def test_what_is_alike_is_near(name: str, parameters: Any, expected: Any) -> None:
    found = imported(name, **parameters)
    assert found.policy["augment"] == [expected]
    assert found.report[0].status == "near"


def test_every_default_of_albumentations_comes_over() -> None:
    for name in (
        *("Transpose", "MotionBlur", "MedianBlur", "Downscale", "ImageCompression", "CLAHE"),
        *("ToSepia", "RandomToneCurve", "ShotNoise", "ISONoise", "SaltAndPepper"),
        *("CoarseDropout", "GridDropout", "RandomFog", "RandomRain", "RandomShadow"),
        *("ElasticTransform", "GridDistortion", "OpticalDistortion"),
    ):
        assert steps(name)


@pytest.mark.parametrize(
    ("name", "size", "parameters", "message"),
    [
        ("ElasticTransform", None, {}, "alpha and sigma are in pixels"),
        ("ImageCompression", SIZE, {"compression_type": "webp"}, "no op compresses as WebP"),
        ("Downscale", SIZE, {"interpolation_pair": {"upscale": 0}}, "an interpolation is null"),
        ("CLAHE", SIZE, {"tile_grid_size": [4, 8]}, "tile_grid_size has two numbers"),
        ("CoarseDropout", None, {"hole_height_range": [8, 9]}, "import with --size"),
        ("CoarseDropout", SIZE, {"fill": "inpaint_ns"}, "no op fills by inpaint_ns"),
        ("Cutout", SIZE, {"max_h_size": 200, "max_w_size": 8}, "a rectangle of 200x8"),
        ("GridDropout", None, {"unit_size_range": [8, 9]}, "import with --size"),
        ("PixelDropout", SIZE, {"drop_value": None}, "random colours"),
        ("PixelDropout", SIZE, {"drop_value": 100}, "neither black nor white"),
        ("RandomRain", None, {"drop_length": 9}, "drop_length needs a known size"),
        ("RandomShadow", SIZE, {"num_shadows_limit": [1, 99]}, "1 to 99 shadows"),
        ("RandomShadow", SIZE, {"shadow_roi": [0, 0, 0, 1]}, "without an area"),
        ("GridDistortion", SIZE, {"distort_limit": [-1, -1]}, "leaves no cell a width"),
    ],
)
def test_what_no_op_says_is_refused(name: str, size: Any, parameters: Any, message: str) -> None:
    with pytest.raises(augreg.PolicyError, match=message):
        imported(name, size, **parameters)


def test_values_beyond_what_ops_take_are_cut_and_reported() -> None:
    strong = imported("OpticalDistortion", distort_limit=[-1, 1])
    assert strong.policy["augment"][0]["k"] == [-0.3, 0.65]
    assert "k is -0.3 to 1" in differences(strong)
    strong = imported("ElasticTransform", alpha=3000, sigma=30, noise_distribution="uniform")
    assert strong.policy["augment"][0]["amount"] == 0.48
    assert "so that nothing folds" in differences(strong)
    many = imported("CoarseDropout", num_holes_range=[20, 50])
    assert many.policy["augment"][0]["count"] == [20, 30]
    assert "30 rectangles at most" in differences(many)
    assert "fewer drops" in differences(imported("RandomRain", drop_length=90, drop_width=9))
    assert "21 pixels long" in differences(imported("MotionBlur", blur_limit=[3, 31]))
    assert "2 to 10 cells" in differences(imported("GridDistortion", num_steps=20))


def test_rectangles_of_images_of_unknown_size_are_near() -> None:
    found = imported("CoarseDropout", None, hole_height_range=[0.1, 0.2])
    assert found.policy["augment"][0]["hole_height"] == [0.1, 0.2]
    assert "there truncated" in differences(found)
    tiny = imported("CoarseDropout", hole_height_range=[0, 0.001])
    assert tiny.policy["augment"][0]["hole_height"] == 0
    assert "the largest sides" in differences(imported("CoarseDropout", hole_height_range=[0, 0.9]))


def test_several_shadows_are_picked_as_often() -> None:
    (made,) = steps("RandomShadow", num_shadows_limit=[1, 3])
    assert made["n"] == [1, 3]
    assert [step["op"] for step in made["some_of"]] == ["shadow"] * 3
    assert len(steps("RandomShadow", num_shadows_limit=[2, 2])) == 2


def test_rain_darkens_as_much() -> None:
    assert steps("RandomRain", brightness_coefficient=0.6)[1]["factor"] == 0.6


def test_longest_side_and_padding_are_a_letterbox() -> None:
    def pair(longest: Any, **padded: Any) -> augreg.Imported:
        fit = {"__class_fullname__": "LongestMaxSize", "p": 1, **longest}
        pad = {"__class_fullname__": "PadIfNeeded", "p": 1, **padded}
        return augreg.import_policy(compose(fit, pad))

    square = {"min_height": 64, "min_width": 64}
    found = pair({"max_size": 64}, **square, fill=[51, 51, 51])
    assert found.policy["prepare"] == [
        {"op": "letterbox", "height": 64, "width": 64, "fill_value": 0.2}
    ]
    assert found.report[0].status == "exact"
    wide = pair({"max_size_hw": [32, 64], "interpolation": 3}, min_height=32, min_width=64)
    assert wide.policy["prepare"] == [
        {"op": "letterbox", "height": 32, "width": 64, "method": "area"}
    ]
    corner = pair({"max_size": 64}, **square, position="top_left")
    assert corner.policy["prepare"][0]["position"] == "top_left"
    assert "pads at random" in differences(pair({"max_size": 64}, **square, position="random"))
    assert "one colour" in differences(pair({"max_size": 64}, **square, border_mode=1))
    with pytest.raises(augreg.PolicyError, match="to the size that it fits images into"):
        pair({"max_size": 64}, min_height=64, min_width=32)


def test_transposed_images_have_an_unknown_size() -> None:
    """An elastic transform after it would need the size."""
    turned = {"__class_fullname__": "Transpose", "p": 1.0}
    bent = {"__class_fullname__": "ElasticTransform", "p": 1.0}
    with pytest.raises(augreg.PolicyError, match="need a known size"):
        augreg.import_policy(compose(turned, bent), size=SIZE)
    assert len(augreg.import_policy(compose(turned, bent), size=(64, 64)).policy["augment"]) == 2


def test_geometry_and_dropout_may_follow_a_normalization() -> None:
    statistics = {"mean": [0.5] * 3, "std": [0.25] * 3}
    normalize = {"__class_fullname__": "Normalize", "p": 1.0, **statistics}
    for name in ("Transpose", "GridDropout", "CoarseDropout", "GridDistortion"):
        after = {"__class_fullname__": name, "p": 1.0}
        assert augreg.import_policy(compose(normalize, after), size=(64, 64)).policy["augment"]
    with pytest.raises(augreg.PolicyError, match="stands after the normalization"):
        augreg.import_policy(compose(normalize, {"__class_fullname__": "CLAHE", "p": 1.0}))
