"""Importing Albumentations: containers, sections, what is refused and where."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augreg

FLIP = {"__class_fullname__": "HorizontalFlip", "p": 0.5}
INVERT = {"__class_fullname__": "InvertImg", "p": 0.25}
NOTHING = {"__class_fullname__": "NoOp", "p": 0.5}
EMBOSS = {"__class_fullname__": "Emboss", "p": 0.5, "alpha": [0.2, 0.5], "strength": [0.2, 0.7]}
RESIZE = {"__class_fullname__": "Resize", "p": 1.0, "height": 32, "width": 48}
QUARTER = {"__class_fullname__": "RandomRotate90", "p": 1.0}
OURS = {"op": "flip", "axis": "horizontal"}


def group(name: str, *transforms: Any, **keys: Any) -> dict[str, Any]:
    return {"__class_fullname__": name, "p": 1.0, "transforms": list(transforms), **keys}


def compose(*transforms: Any, **keys: Any) -> dict[str, Any]:
    return {"__version__": "2.0.8", "transform": group("Compose", *transforms, **keys)}


def augment(*transforms: Any) -> Any:
    return augreg.import_policy(compose(*transforms)).policy["augment"]


def texts(imported: augreg.Imported, status: str) -> list[str]:
    return [line.text for line in imported.report if line.status == status]


# --- containers -----------------------------------------------------------------------------------


def test_one_of_weighs_its_branches_by_their_p() -> None:
    assert augment(group("OneOf", FLIP, INVERT, p=0.4)) == [
        {"one_of": [OURS, {"op": "invert"}], "p": 0.4, "weights": [0.5, 0.25]}
    ]


def test_branches_that_do_nothing_become_part_of_the_groups_p() -> None:
    assert augment(group("OneOf", FLIP, INVERT, NOTHING, p=0.8)) == [
        {"one_of": [OURS, {"op": "invert"}], "p": 0.48, "weights": [0.5, 0.25]}
    ]
    assert augment(group("OneOf", FLIP, NOTHING, p=0.5)) == [{**OURS, "p": 0.25}]


def test_a_group_that_one_of_chose_is_done_as_a_whole() -> None:
    inner = group("Sequential", FLIP, INVERT, p=0.5)
    (made,) = augment(group("OneOf", inner, INVERT))
    assert made["one_of"][0] == {"sequence": [{**OURS, "p": 0.5}, {"op": "invert", "p": 0.25}]}
    some = group("SomeOf", FLIP, INVERT, n=1, p=0.5)  # which heeds its own p all the same
    (made,) = augment(group("OneOf", some, INVERT))
    assert made["one_of"][0]["p"] == 0.5


def test_some_of_picks_evenly_and_heeds_the_p_of_its_branches() -> None:
    assert augment(group("SomeOf", FLIP, INVERT, NOTHING, n=2, replace=True)) == [
        {
            "some_of": [{**OURS, "p": 0.5}, {"op": "invert", "p": 0.25}, {"op": "flip", "p": 0}],
            "n": 2,
            "replace": True,
        }
    ]
    (capped,) = augment(group("SomeOf", FLIP, INVERT, n=9))
    assert capped["n"] == 2


def test_random_order_of_all_is_one_and_of_some_is_near() -> None:
    assert augment(group("RandomOrder", FLIP, INVERT, n=2)) == [
        {"random_order": [{**OURS, "p": 0.5}, {"op": "invert", "p": 0.25}]}
    ]
    imported = augreg.import_policy(compose(group("RandomOrder", FLIP, INVERT, n=1)))
    assert imported.policy["augment"][0]["n"] == 1
    assert texts(imported, "near") == ["picks are applied in the order of the list"]


def test_one_or_other_chooses_by_its_p() -> None:
    assert augment(group("OneOrOther", FLIP, INVERT, p=0.3)) == [
        {"one_of": [OURS, {"op": "invert"}], "weights": [0.3, 0.7]}
    ]


def test_sequences_with_p_stay_together_and_others_dissolve() -> None:
    assert augment(group("Sequential", FLIP, INVERT)) == augment(FLIP, INVERT)
    assert augment(group("Sequential", FLIP, INVERT, p=0.5)) == [
        {"sequence": [{**OURS, "p": 0.5}, {"op": "invert", "p": 0.25}], "p": 0.5}
    ]


def test_always_apply_of_version_1_overrides_p() -> None:
    assert augment({**FLIP, "always_apply": True}) == [OURS]


# --- sections -------------------------------------------------------------------------------------


def test_leading_resize_and_central_crop_are_prepare() -> None:
    crop = {"__class_fullname__": "CenterCrop", "p": 1.0, "height": 20, "width": 20}
    imported = augreg.import_policy(compose(RESIZE, crop, FLIP))
    assert imported.policy["prepare"] == [
        {"op": "resize", "height": 32, "width": 48},
        {"op": "crop", "height": 20, "width": 20, "position": "center"},
    ]
    assert imported.policy["augment"] == [{**OURS, "p": 0.5}]


def test_random_crop_has_a_counterpart_in_evaluation() -> None:
    crop = {"__class_fullname__": "RandomResizedCrop", "p": 1.0, "size": [24, 36]}
    imported = augreg.import_policy(compose(FLIP, crop, INVERT))
    prepare = imported.policy["prepare"]
    assert [step["op"] for step in prepare["train"]] == ["flip", "resized_crop"]
    assert prepare["eval"] == [{"op": "resize", "height": 24, "width": 36, "fit": "crop"}]
    assert imported.policy["augment"] == [{"op": "invert", "p": 0.25}]
    assert any("evaluation is not in the document" in text for text in texts(imported, "note"))


def test_crop_after_a_resize_stays_in_augment() -> None:
    crop = {"__class_fullname__": "RandomCrop", "p": 1.0, "height": 20, "width": 20}
    policy = augreg.import_policy(compose(RESIZE, FLIP, crop)).policy
    resize = {"op": "resize", "height": 32, "width": 48}
    centre = {"op": "crop", "height": 20, "width": 20, "position": "center"}
    assert policy["prepare"] == {"train": [resize], "eval": [resize, centre]}
    assert policy["augment"][1] == {"op": "crop", "height": 20, "width": 20}


def test_normalize_is_output_and_later_fills_are_in_its_units() -> None:
    normalize = {
        "__class_fullname__": "Normalize", "p": 1.0, "max_pixel_value": 255.0,
        "mean": [0.5, 0.4, 0.3], "std": [0.25, 0.25, 0.25], "normalization": "standard",
    }  # fmt: skip
    rotate = {"__class_fullname__": "Rotate", "p": 1.0, "limit": [5, 5], "fill": 0.0}
    policy = augreg.import_policy(compose(normalize, rotate)).policy
    assert policy["output"] == {"normalize": {"mean": [0.5, 0.4, 0.3], "std": [0.25, 0.25, 0.25]}}
    assert policy["augment"][0]["fill_value"] == [0.5, 0.4, 0.3]

    with pytest.raises(augreg.PolicyError, match="stands after the normalization"):
        augreg.import_policy(compose(normalize, INVERT))
    with pytest.raises(augreg.PolicyError, match="only what every image takes"):
        augreg.import_policy(compose({**normalize, "p": 0.5}))


def test_output_is_uint8_unless_floats_come_out() -> None:
    assert augreg.import_policy(compose(FLIP)).policy["output"] == {"dtype": "uint8"}
    floats = {"__class_fullname__": "ToFloat", "p": 1.0, "max_value": None}
    assert augreg.import_policy(compose(FLIP, floats)).policy["output"] == {"range": [0, 1]}


def test_known_sizes_reach_the_steps_after_them() -> None:
    pad = {"__class_fullname__": "PadIfNeeded", "p": 1.0, "min_height": 40, "min_width": 40}
    unknown = augreg.import_policy(compose(pad))
    assert texts(unknown, "near") == ["larger images are cropped to 40x40"]
    known = augreg.import_policy(compose(RESIZE, pad))
    assert known.policy["prepare"][1] == {"op": "pad_or_crop", "height": 40, "width": 48}
    assert not texts(known, "near")
    needless = augreg.import_policy(compose({**pad, "min_height": 8, "min_width": 8}), size=(9, 9))
    assert needless.policy["augment"] == []


# --- what can't be said ---------------------------------------------------------------------------


def test_every_refusal_is_reported_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps(compose(FLIP, EMBOSS, group("OneOf", EMBOSS, FLIP)), indent=1))
    with pytest.raises(augreg.PolicyError) as raised:
        augreg.import_policy(path)
    first, second = str(raised.value).split("\n")
    assert first.startswith(f"{path}:11:4 /transform/transforms/1: Emboss can't be imported")
    assert "/transform/transforms/2/transforms/0: Emboss can't be imported" in second


def test_partial_leaves_out_and_reports() -> None:
    imported = augreg.import_policy(compose(EMBOSS, FLIP), partial=True)
    assert imported.policy["augment"] == [{**OURS, "p": 0.5}]
    assert imported.summary == "2 steps: 1 exact, 0 near, 1 left out"
    assert imported.report[0].place == "/transform/transforms/0"


def test_what_planning_refuses_is_left_out_at_its_place() -> None:
    """A quarter turn of images that may not be square, in a group and alone."""
    document = compose(FLIP, QUARTER, group("OneOf", QUARTER, INVERT))
    with pytest.raises(augreg.PolicyError, match="needs a square image") as raised:
        augreg.import_policy(document)
    assert raised.value.pointer == "/transform/transforms/1"
    imported = augreg.import_policy(document, partial=True)
    assert imported.policy["augment"][0] == {**OURS, "p": 0.5}
    assert len(texts(imported, "left out")) == 2
    assert len(augreg.import_policy(document, size=(32, 32)).policy["augment"]) == 3


def test_unknown_parameters_are_never_dropped() -> None:
    with pytest.raises(augreg.PolicyError, match="unknown parameter sparkle"):
        augreg.import_policy(compose({**FLIP, "sparkle": 1}))


def test_modules_tell_albumentations_own_transforms_from_others() -> None:
    theirs = {**INVERT, "__class_fullname__": "albumentations.augmentations.transforms.InvertImg"}
    assert augment(theirs) == [{"op": "invert", "p": 0.25}]
    with pytest.raises(augreg.PolicyError, match=r"mine\.InvertImg can't be imported"):
        augment({**INVERT, "__class_fullname__": "mine.InvertImg"})


def test_scale_of_old_versions_is_one_for_both_axes() -> None:
    limits = {"scale_limit": [-0.1, 0.1], "rotate_limit": [0, 0], "shift_limit": 0}
    document = compose({"__class_fullname__": "ShiftScaleRotate", "p": 1.0, **limits})
    (now,) = augreg.import_policy(document).policy["augment"]
    (before,) = augreg.import_policy({**document, "__version__": "1.3.1"}).policy["augment"]
    assert now == {**before, "factor_x": [0.9, 1.1]}


def test_values_outside_of_what_an_op_takes_are_refused() -> None:
    gamma = {"__class_fullname__": "RandomGamma", "p": 1.0, "gamma_limit": [0, 100]}
    with pytest.raises(augreg.PolicyError, match=r"below 0\.01"):
        augreg.import_policy(compose(gamma))


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ({"__class_fullname__": "Rotate", "p": 1.0, "limit": "wide"}, 'limit is "wide"'),
        ({"__class_fullname__": "Rotate", "p": 1.0, "limit": [1, 2, 3]}, "a number or a pair"),
        ({"__class_fullname__": "Rotate", "limit": [1, 2]}, "p of Rotate is None"),
        ({"__class_fullname__": "Rotate", "p": 7, "limit": [1, 2]}, "has to be in 0..1"),
        ({"__class_fullname__": "Rotate", "p": 1, "limit": 9, "border_mode": 16}, "border_mode"),
        ({"__class_fullname__": "OneOf", "p": 1, "transforms": []}, "has no list of transforms"),
        ({"__class_fullname__": "SomeOf", "p": 1, "transforms": [FLIP], "n": "2"}, "n is '2'"),
        (["HorizontalFlip"], "a transform is an object"),
        ({"__class_fullname__": "Rotate", "p": 1, "limit": 9, "fill": [1, 2]}, "is no level"),
    ],
)
def test_malformed_documents_are_refused(transform: Any, message: str) -> None:
    with pytest.raises(augreg.PolicyError, match=message):
        augreg.import_policy(compose(transform))


JUNK = (
    None,
    float("inf"),
    10**400,
    -1,
    0,
    0.5,
    7,
    1e9,
    1e308,
    "x",
    True,
    [],
    [0, 0],
    [2, 1],
    [1, 2, 3],
    {},
    {"x": 1},
)
SAVED = sorted((Path(__file__).parent / "data" / "pipelines").glob("*.json"))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every part of a document, without the root's."""
    parts = dict(enumerate(value)) if isinstance(value, list) else value
    for key, part in parts.items() if isinstance(parts, dict) else ():
        yield (*path, key)
        yield from places(part, (*path, key))


# a document that is left without steps warns when it is loaded
@pytest.mark.filterwarnings("ignore:the policy has no steps")
@given(st.data())
@settings(max_examples=150)
def test_damaged_documents_are_a_policy_or_a_policy_error(data: st.DataObject) -> None:
    document = json.loads(data.draw(st.sampled_from(SAVED)).read_text())
    *outer, last = data.draw(st.sampled_from(list(places(document))))
    part = document
    for key in outer:
        part = part[key]
    part[last] = data.draw(st.sampled_from(JUNK))
    with contextlib.suppress(augreg.PolicyError):
        augreg.load_policy(augreg.import_policy(document, partial=True).policy)


def test_masks_of_other_resampling_are_reported() -> None:
    rotate = {"__class_fullname__": "Rotate", "p": 1.0, "limit": [5, 9], "mask_interpolation": 1}
    imported = augreg.import_policy(compose(rotate))
    assert texts(imported, "near") == ["masks are resampled by nearest neighbour"]


def test_targets_are_noted() -> None:
    imported = augreg.import_policy(compose(FLIP, bbox_params={"format": "coco"}))
    assert any(text.startswith("bbox_params is no part") for text in texts(imported, "note"))
