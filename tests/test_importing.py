"""Importing: containers, sections, what is refused and where, files, and the command."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augreg
from augreg.cli import main

FLIP = {"__class_fullname__": "HorizontalFlip", "p": 0.5}
INVERT = {"__class_fullname__": "InvertImg", "p": 0.25}
NOTHING = {"__class_fullname__": "NoOp", "p": 0.5}
LAMBDA = {"__class_fullname__": "Emboss", "p": 0.5, "alpha": [0.2, 0.5], "strength": [0.2, 0.7]}
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
    path.write_text(json.dumps(compose(FLIP, LAMBDA, group("OneOf", LAMBDA, FLIP)), indent=1))
    with pytest.raises(augreg.PolicyError) as raised:
        augreg.import_policy(path)
    first, second = str(raised.value).split("\n")
    assert first.startswith(f"{path}:11:4 /transform/transforms/1: Emboss can't be imported")
    assert "/transform/transforms/2/transforms/0: Emboss can't be imported" in second


def test_partial_leaves_out_and_reports() -> None:
    imported = augreg.import_policy(compose(LAMBDA, FLIP), partial=True)
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
    ],
)
def test_malformed_documents_are_refused(transform: Any, message: str) -> None:
    with pytest.raises(augreg.PolicyError, match=message):
        augreg.import_policy(compose(transform))


JUNK = (None, -1, 0, 0.5, 7, 1e9, 1e308, "x", True, [], [0, 0], [2, 1], [1, 2, 3], {}, {"x": 1})
SAVED = sorted((Path(__file__).parent / "data" / "pipelines").glob("*.json"))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every part of a document, without the root's."""
    parts = dict(enumerate(value)) if isinstance(value, list) else value
    for key, part in parts.items() if isinstance(parts, dict) else ():
        yield (*path, key)
        yield from places(part, (*path, key))


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


# --- Keras ----------------------------------------------------------------------------------------


def layer(name: str, **config: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": name, "config": {"name": name, **config}}


def model(*layers: Any) -> dict[str, Any]:
    return layer("Sequential", layers=list(layers))


def test_model_is_read_up_to_its_first_other_layer() -> None:
    flip = layer("RandomFlip", mode="horizontal_and_vertical")
    inner = model(layer("RandomRotation", factor=[-0.1, 0.1]))
    imported = augreg.import_policy(
        model(flip, inner, layer("Rescaling", scale=1 / 255, offset=0.0), layer("Dense", units=2))
    )
    assert imported.policy["augment"] == [
        {"op": "flip", "axis": "both", "p": 0.5},
        {"op": "rotate", "degrees": [-36, 36]},
    ]
    assert imported.policy["output"] == {"range": [0, 1]}
    assert [line.place for line in imported.report[:2]] == [
        "/config/layers/0",
        "/config/layers/1/config/layers/0",
    ]
    assert "Dense at /config/layers/3" in texts(imported, "note")[1]

    late = model(layer("Dense", units=2), flip)
    with pytest.raises(augreg.PolicyError, match="stands after Dense at /config/layers/0"):
        augreg.import_policy(late)
    with pytest.raises(augreg.PolicyError, match="no augmentation layer"):
        augreg.import_policy(model(layer("Dense", units=2)))


def test_value_range_has_to_be_that_of_the_values() -> None:
    bright = layer("RandomBrightness", factor=[0.1, 0.1], value_range=[0, 255])
    half = layer("Rescaling", scale=1 / 255, offset=0.0)
    with pytest.raises(augreg.PolicyError, match=r"value_range is \[0, 255\].* \[0, 1\]"):
        augreg.import_policy(model(half, bright))
    unit = layer("RandomBrightness", factor=[0.1, 0.1], value_range=[0, 1])
    imported = augreg.import_policy(model(unit))
    assert imported.policy["output"] == {"range": [0, 1]}
    assert texts(imported, "note") == ["values at the input are taken to be 0 to 1"]


def test_fill_values_are_in_the_units_of_the_values() -> None:
    turn = layer("RandomRotation", factor=[0.1, 0.1], fill_mode="constant", fill_value=0.0)
    signed = layer("Rescaling", scale=1 / 127.5, offset=-1.0)
    (step,) = augreg.import_policy(model(signed, turn)).policy["augment"]
    assert step["fill_value"] == 0.5


def test_functional_model_has_to_be_a_chain() -> None:
    keras = pytest.importorskip("keras")
    image = keras.Input((32, 32, 3))
    left = keras.layers.RandomFlip("horizontal")(image)
    chain = keras.layers.RandomRotation(0.1)(left)
    ends = keras.layers.Flatten()(chain)
    policy = augreg.import_policy(json.loads(keras.Model(image, ends).to_json())).policy
    assert [step["op"] for step in policy["augment"]] == ["flip", "rotate"]

    right = keras.layers.RandomRotation(0.1)(image)
    forked = keras.Model(image, keras.layers.Add()([left, right]))
    with pytest.raises(augreg.PolicyError, match="that follow one another"):
        augreg.import_policy(json.loads(forked.to_json()))


def test_random_crop_of_keras_is_a_resize_in_evaluation() -> None:
    crop = layer("RandomCrop", height=20, width=24)
    prepare = augreg.import_policy(model(crop)).policy["prepare"]
    assert prepare["eval"] == [{"op": "resize", "height": 20, "width": 24, "fit": "crop"}]


def test_probability_that_is_drawn_is_its_mean() -> None:
    invert = layer("RandomInvert", factor=[0.2, 0.6], value_range=[0, 255])
    assert augreg.import_policy(model(invert)).policy["augment"] == [{"op": "invert", "p": 0.4}]


# --- files ----------------------------------------------------------------------------------------


def test_keras_file_is_read_without_tensorflow(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(model(layer("RandomFlip", mode="vertical"))))
    script = (
        "import sys, augreg\n"
        f"imported = augreg.import_policy({str(path)!r})\n"
        "assert imported.policy['augment'] == [{'op': 'flip', 'axis': 'vertical', 'p': 0.5}]\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_yaml_is_read(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    path = tmp_path / "pipeline.yaml"
    path.write_text(yaml.safe_dump(compose(FLIP)))
    assert augreg.import_policy(path).policy["augment"] == [{**OURS, "p": 0.5}]
    path.write_text("transform: [1, 2\nother: 3")
    with pytest.raises(augreg.PolicyError, match="neither JSON nor YAML") as raised:
        augreg.import_policy(path)
    assert raised.value.line == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89HDF\r\n\x1a\n", "HDF5 is not read"),
        (b'{"transform": }', "not valid JSON"),
        (b"{}", "neither a document of Albumentations"),
        (b"[1]", "neither a document of Albumentations"),
        (b'{"version": 1}', "neither a document of Albumentations"),
        (b"PK\x05\x06" + bytes(18), "no .keras file"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_other_files_are_refused_by_what_they_are(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(augreg.PolicyError, match=message):
        augreg.import_policy(path)


def test_dict_that_is_not_json_is_refused() -> None:
    with pytest.raises(augreg.PolicyError, match="the document is not JSON"):
        augreg.import_policy(compose({**FLIP, "p": object()}))


def test_deep_documents_are_refused() -> None:
    document = FLIP
    for _ in range(70):
        document = group("Sequential", document)
    with pytest.raises(augreg.PolicyError, match="nested too deeply"):
        augreg.import_policy(document)


# --- the command ----------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_command_writes_the_policy_and_says_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, policy = tmp_path / "pipeline.json", tmp_path / "policy.json"
    source.write_text(json.dumps(compose(RESIZE, FLIP)))
    code, out, err = run(capsys, "import", source, "--output", policy)
    assert (code, out) == (0, "")
    assert "exact /transform/transforms/1 HorizontalFlip -> flip\n" in err
    assert err.endswith("2 steps: 2 exact, 0 near, 0 left out\n")
    assert max(map(len, err.splitlines())) <= 80
    assert run(capsys, "validate", policy)[0] == 0

    code, out, _ = run(capsys, "import", source)
    assert code == 0
    assert json.loads(out) == json.loads(policy.read_text())


def test_exit_codes_of_what_cannot_be_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "pipeline.json"
    source.write_text(json.dumps(compose(LAMBDA, FLIP)))
    code, out, err = run(capsys, "import", source)
    assert (code, out) == (3, "")
    assert err.startswith(f"augreg: {source}:1:")
    code, out, err = run(capsys, "import", source, "--partial")
    assert code == 4
    assert json.loads(out)["augment"] == [{**OURS, "p": 0.5}]
    assert "left out /transform/transforms/0 Emboss" in err
