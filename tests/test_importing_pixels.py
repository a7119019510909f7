"""Imported steps give the pixels of the libraries that they came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import augreg

# what only changes the output becomes a policy without steps
pytestmark = pytest.mark.filterwarnings("ignore:the policy has no steps")

L = keras.layers
RECORDED = Path(__file__).parent / "data" / "albumentations.npz"  # by record_albumentations.py
# the most levels that a difference may be, where Albumentations rounds or truncates to levels
LEVEL = 1.0
NEAR = {  # at most, and inside of the outermost three pixels
    "rotate-101": (20, 12),
    "affine-shear-both": (9, 8),
    "affine-percent": (17, 17),
    "resize-nearest": (31, 31),
    "resize-cubic": (2, 2),
    "cover": (8, 8),
    "gaussian-blur": (11, 1),
    "gaussian-blur-kernel": (10, 1),
    "blur": (14, 1),
    "motion-blur": (13, 1),
    "median-blur-5": (127, 0),
    "compression": (10, 10),
    "optical-fisheye": (7, 6),
    "sharpen": (36, 0),
    "jitter-hue": (6, 6),
    "hue": (6, 6),
    "hsv": (30, 30),
    "equalize-pil": (8, 8),
    "auto-contrast-cdf": (15, 15),
}
DRAWN = {  # their places or displacements
    *("dropout", "dropout-fractions", "dropout-pixels"),
    *("elastic", "elastic-uniform"),
}
FAR = {  # near in what they are for, not in pixels
    *("equalize-cv", "gray-average", "clahe", "downscale-nearest", "downscale-odd"),
    *("optical-camera", "grid-distortion"),
}


def recorded() -> dict[str, Any]:
    with np.load(RECORDED) as file:
        return json.loads(str(file["documents"]))


def one_line(imported: augreg.Imported) -> Any:
    (line,) = [line for line in imported.report if line.status != "note"]
    return line


@pytest.fixture(scope="module")
def arrays() -> Any:
    with np.load(RECORDED) as file:
        return dict(file)


@pytest.mark.parametrize("name", sorted(set(recorded()) - FAR - DRAWN))
def test_pixels_are_those_that_albumentations_made(name: str, arrays: Any) -> None:
    case = recorded()[name]
    image, theirs = arrays[case["image"]], arrays[f"out/{name}"].astype(np.float64)
    imported = augreg.import_policy(case["document"], size=image.shape[:2])
    ours = augreg.augment(image, imported.policy, seed=0)
    assert ours.shape == theirs.shape
    assert ours.dtype == arrays[f"out/{name}"].dtype
    scale = 1.0 if ours.dtype == np.uint8 else 1e-4
    apart = np.abs(ours - theirs)
    assert (one_line(imported).status == "near") == (name in NEAR)
    most, inside = NEAR.get(name, (LEVEL * scale, LEVEL * scale))
    assert apart.max() <= most
    assert apart[3:-3, 3:-3].max() <= inside


@pytest.mark.parametrize("name", sorted(FAR))
def test_what_is_far_in_pixels_says_so(name: str) -> None:
    case = recorded()[name]
    imported = augreg.import_policy(case["document"], size=(24, 31))
    assert one_line(imported).status == "near"
    assert one_line(imported).text


def test_constant_rectangles_have_the_pixels_of_albumentations(arrays: Any) -> None:
    """A rectangle of int(0.4 * 24) x int(0.3 * 31) pixels, at any place."""
    case = recorded()["dropout"]
    theirs = (arrays["out/dropout"] == 255).all(axis=-1)
    imported = augreg.import_policy(case["document"], size=(24, 31))
    assert one_line(imported).status == "exact"
    image = np.zeros((1, 24, 31, 3), np.uint8).repeat(50, axis=0)
    ours = augreg.augment(image, imported.policy, seed=0, index=range(50)) == 255
    assert theirs.sum() == 9 * 9
    assert set(ours.all(axis=-1).sum(axis=(1, 2))) == {9 * 9}
    assert {*ours.any(axis=(2, 3)).sum(axis=1), *ours.any(axis=(1, 3)).sum(axis=1)} == {9}


@pytest.mark.parametrize("name", ["dropout-fractions", "dropout-pixels"])
def test_drawn_rectangles_have_the_sides_of_albumentations(name: str, arrays: Any) -> None:
    theirs = arrays[f"sides/{name}"]
    imported = augreg.import_policy(recorded()[name]["document"], size=(24, 31))
    assert one_line(imported).status == "exact"
    black = np.zeros((600, 24, 31, 3), np.uint8)
    hidden = augreg.augment(black, imported.policy, seed=0, index=range(600)) > 0
    ours = np.stack([hidden.any((2, 3)).sum(1), hidden.any((1, 3)).sum(1)], axis=1)
    for axis in (0, 1):
        counts = [np.bincount(drawn[:, axis], minlength=32) for drawn in (ours, theirs)]
        assert (counts[0] > 0).tolist() == (counts[1] > 0).tolist()
        assert np.abs(counts[0] - counts[1]).max() < 60  # of 600: 4 deviations


def ramps(side: int) -> Any:
    """Values that are their own coordinates, 0..1: how far a pixel was moved can be read off."""
    y, x = np.mgrid[:side, :side].astype(np.float32) / (side - 1)
    return np.stack([x, y, x], -1)


def moved_by(policy: dict[str, Any], side: int) -> float:
    """Standard deviation, in pixels, of displacements, without the outer quarter."""
    given, inner = ramps(side)[None].repeat(60, 0), slice(side // 4, -side // 4)
    policy = {**policy, "output": {"range": [0, 1]}}
    apart = augreg.augment(given, policy, seed=0, index=range(60)) - given
    return float(np.std(apart[:, inner, inner, :2]) * (side - 1))


@pytest.mark.parametrize("name", ["elastic", "elastic-uniform"])
def test_elastic_moves_pixels_as_far_as_albumentations(name: str, arrays: Any) -> None:
    imported = augreg.import_policy(recorded()[name]["document"], size=(128, 128))
    assert one_line(imported).status == "near"
    assert imported.policy["augment"][0]["cells"] == 7  # of 18 pixels, nearly sqrt(3) sigma
    np.testing.assert_allclose(moved_by(imported.policy, 128), arrays[f"moved/{name}"], rtol=0.1)


def test_noise_is_as_strong_as_where_it_was_measured() -> None:
    """Deviations of Albumentations 2.0.8 on levels of 127 or 128, and a mean brightness of fog."""
    grey = np.full((200, 200, 3), 0.5, np.float32)
    shot = {"__class_fullname__": "ShotNoise", "p": 1, "scale_range": [0.01, 0.01]}
    made = augreg.augment(grey, augreg.import_policy(shot).policy, seed=0)
    assert abs(made.std() / 255 - 0.0493) < 0.002
    fog = {"__class_fullname__": "RandomFog", "p": 1, "fog_coef_range": [1, 1]}
    made = augreg.augment(grey * 0, augreg.import_policy(fog).policy, seed=0)
    assert abs(made.mean() / 255 - 0.36) < 0.1


def test_d4_gives_the_eight_symmetries_equally_often() -> None:
    document = {"__class_fullname__": "D4", "p": 1.0}
    image = np.arange(5 * 5 * 3, dtype=np.uint8).reshape(5, 5, 3)
    policy = augreg.import_policy(document, size=(5, 5)).policy
    made = augreg.augment(image[None].repeat(1600, 0), policy, seed=0, index=range(1600))
    quarters = [np.rot90(image, k) for k in range(4)]
    symmetries = [*quarters, *(quarter[:, ::-1] for quarter in quarters)]
    counts = [(made == one).all(axis=(1, 2, 3)).sum() for one in symmetries]
    assert sum(counts) == 1600
    assert min(counts) > 150
    assert max(counts) < 250


# --- Keras ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def smooth() -> Any:
    y, x = np.mgrid[:24, :31]
    waves = [np.sin(x / 7), np.cos(y / 5), np.sin((x + 2 * y) / 9)]
    return (np.stack(waves, -1)[None] * 90 + 128).astype("float32")


def imported_from(layer: Any) -> augreg.Imported:
    return augreg.import_policy(keras.saving.serialize_keras_object(layer), size=(24, 31))


def ours(image: Any, layer: Any, **changed: Any) -> Any:
    """What the imported policy makes of an image of 0..255; `changed` are keys of its last step."""
    policy = imported_from(layer).policy
    if changed:
        policy["augment"][-1].update(changed)
    return augreg.augment(image, policy, seed=0, input_range=(0, 255))


EXACT = {
    "rotation": lambda: L.RandomRotation((0.1, 0.1)),
    "rotation-constant": lambda: L.RandomRotation(
        (0.1, 0.1), fill_mode="constant", fill_value=50.0
    ),
    "rotation-nearest": lambda: L.RandomRotation(
        (-0.1, -0.1), fill_mode="nearest", interpolation="nearest"
    ),
    "zoom": lambda: L.RandomZoom((0.2, 0.2)),
    "zoom-width": lambda: L.RandomZoom((0.2, 0.2), (-0.3, -0.3)),
    "translation": lambda: L.RandomTranslation((0.1, 0.1), (-0.2, -0.2)),
    "brightness": lambda: L.RandomBrightness((0.2, 0.2)),
    "saturation": lambda: L.RandomSaturation((0.4, 0.4)),
    "degeneration": lambda: L.RandomColorDegeneration((0.4, 0.4)),
    "solarization": lambda: L.Solarization(),
    "auto-contrast": lambda: L.AutoContrast(),
    "grayscale": lambda: L.RandomGrayscale(1.0),
    "invert": lambda: L.RandomInvert((1.0, 1.0)),
    "resizing": lambda: L.Resizing(17, 40),
    "resizing-nearest": lambda: L.Resizing(17, 40, interpolation="nearest"),
    "resizing-bicubic": lambda: L.Resizing(17, 40, interpolation="bicubic"),
    "resizing-antialias": lambda: L.Resizing(12, 15, antialias=True),
    "resizing-crop": lambda: L.Resizing(20, 20, crop_to_aspect_ratio=True),
    "center-crop": lambda: L.CenterCrop(11, 14),
    "rescaling": lambda: L.Rescaling(1 / 127.5, offset=-1),
    "normalization": lambda: L.Normalization(
        mean=[100.0, 120.0, 140.0], variance=[900.0, 1600.0, 2500.0]
    ),
}


@pytest.mark.skipif(not hasattr(L, "RandomInvert"), reason="this Keras lacks some of the layers")
@pytest.mark.parametrize("name", EXACT)
def test_fixed_factors_give_the_pixels_of_the_keras_layer(name: str, smooth: Any) -> None:
    layer = EXACT[name]()
    assert one_line(imported_from(layer)).status == "exact"
    theirs = np.asarray(layer(smooth, training=True))
    np.testing.assert_allclose(ours(smooth, layer), theirs, atol=0.02)


@pytest.mark.skipif(not hasattr(L, "RandomHue"), reason="this Keras lacks some of the layers")
def test_drawn_values_give_the_pixels_of_the_keras_layer(smooth: Any) -> None:
    contrast = L.RandomContrast((0.3, 0.3))
    drawn = {"contrast_factor": np.float32(1.2)}
    theirs = np.asarray(contrast.transform_images(smooth, drawn))
    np.testing.assert_allclose(ours(smooth, contrast, factor=1.2), theirs, atol=0.01)
    between = imported_from(L.RandomContrast((0.1, 0.3))).policy["augment"][0]
    assert between["factor"] == [0.9, 1.3]

    solarize = L.Solarization(addition_factor=(0.1, 0.1), threshold_factor=(0.5, 0.5))
    levels = np.round(smooth)
    theirs = np.asarray(solarize.transform_images(levels, {"additions": 20.0, "thresholds": 128.0}))
    policy = imported_from(solarize).policy
    add, invert = policy["augment"]
    assert (add["delta"], invert["threshold"]) == (
        [tidied(0.1 / 255), 0.1],
        [tidied(0.5 / 255), 0.5],
    )
    add["delta"], invert["threshold"] = 20 / 255, 128 / 255
    made = augreg.augment(levels, policy, seed=0, input_range=(0, 255))
    np.testing.assert_allclose(made, theirs, atol=0.01)

    bits = L.RandomPosterization((2, 6))
    assert imported_from(bits).policy["augment"][0]["bits"] == [2, 5]
    theirs = np.asarray(bits.transform_images(levels, {"shift_factor": np.uint8([8 - 3])}))
    np.testing.assert_allclose(ours(levels, bits, bits=3), theirs, atol=0.01)


def tidied(number: float) -> float:
    return float(f"{number:.9g}")


@pytest.mark.skipif(not hasattr(L, "RandomHue"), reason="this Keras lacks some of the layers")
def test_hue_turns_both_ways(smooth: Any) -> None:
    layer = L.RandomHue((0.3, 0.3))
    for delta in (-0.15, 0.15):
        theirs = layer.transform_images(smooth, {"factor": np.float32([delta])})
        np.testing.assert_allclose(ours(smooth, layer, delta=delta), theirs, atol=0.01)
    assert imported_from(layer).policy["augment"][0]["delta"] == {"choice": [-0.15, 0.15]}
    assert imported_from(L.RandomHue(0.3)).policy["augment"][0]["delta"] == [-0.15, 0.15]
    ways = imported_from(L.RandomHue((0.1, 0.3))).policy["augment"][0]["one_of"]
    assert [way["delta"] for way in ways] == [[0.05, 0.15], [-0.15, -0.05]]


@pytest.mark.skipif(not hasattr(L, "RandomShear"), reason="this Keras lacks some of the layers")
def test_near_layers_agree_where_they_say_so(smooth: Any) -> None:
    sharp = L.RandomSharpness((0.8, 0.8))
    theirs = np.asarray(sharp(smooth, training=True))
    made = ours(smooth, sharp)
    np.testing.assert_allclose(made[:, 1:-1, 1:-1], theirs[:, 1:-1, 1:-1], atol=0.01)
    assert np.abs(made - theirs).max() > 1

    # about the top left corner: the same as about the centre, moved by tan * half of the height
    shear = L.RandomShear(x_factor=(0.2, 0.2), fill_mode="nearest")
    found = [np.asarray(shear(smooth, training=True)) for _ in range(8)]
    (step,) = imported_from(shear).policy["augment"]
    for way, sign in zip(step["one_of"], (1, -1), strict=True):
        move = {"op": "shift", "x": sign * 0.2 * 11.5, "fill": "nearest"}
        policy = {"version": 1, "augment": [way, move], "output": {"range": [0, 255]}}
        moved = augreg.augment(smooth, policy, seed=0, input_range=(0, 255))
        assert min(np.abs(moved - one).max() for one in found) < 0.01


@pytest.mark.skipif(not hasattr(L, "RandomElasticTransform"), reason="this Keras has no such layer")
def test_elastic_moves_pixels_as_far_as_the_keras_layer() -> None:
    fixed = {"fill_mode": "nearest", "value_range": (0, 1)}
    layer = L.RandomElasticTransform((1.0, 1.0), (0.4, 0.4), **fixed)
    given = ramps(64)[None].repeat(16, 0)
    theirs = (np.asarray(layer(given, training=True)) - given)[:, 16:-16, 16:-16, :2] * 63
    np.testing.assert_allclose(moved_by(imported_from(layer).policy, 64), theirs.std(), rtol=0.15)
    sometimes = imported_from(L.RandomElasticTransform(0.5, **fixed)).policy["augment"][0]
    assert (sometimes["p"], sometimes["amount"]) == (0.25, [0, 0.48])


def test_noise_has_the_deviation_of_the_keras_layer() -> None:
    grey = np.full((1, 200, 200, 3), 0.5, "float32")
    layers = keras.Sequential([L.Rescaling(1 / 255), L.GaussianNoise(0.05)])
    policy = augreg.import_policy(json.loads(layers.to_json())).policy
    made = augreg.augment(grey, policy, seed=0)
    theirs = np.asarray(L.GaussianNoise(0.05, seed=1)(grey, training=True))
    np.testing.assert_allclose(made.std(), theirs.std(), rtol=0.01)
