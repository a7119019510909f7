"""What the panels that measure show, without a page."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from samples import noise, policy
from scipy import stats

import augreg
from augreg.annotations.parts import TargetRules
from augreg.errors import DataError, ImageError
from augreg.studio.detail.strength import change_text, sentence, shares_table, strength_of
from augreg.studio.elements.pixels import Picture
from augreg.studio.images.pictures import Pictures
from augreg.studio.panels.board import Board
from augreg.studio.panels.cell import small
from augreg.studio.panels.costs import Costs
from augreg.studio.panels.film import make_film
from augreg.studio.panels.stages import StageRow, stage_rows, table, time_text
from augreg.studio.panels.strip import brackets, said_of
from augreg.studio.samples.chosen import sample_of
from augreg.studio.session import Session, View
from augreg.views.effects import effects
from augreg.views.explain import explain
from augreg.views.filmstrip import Frame, filmstrip
from augreg.views.photos import Photo
from augreg.views.timing import StageTime
from augreg.views.trace import Sample

IMAGE = noise(24, 31, 3)
BYTES = {"dtype": "uint8", "range": [0, 255]}
GEOMETRY = [{"op": "rotate", "degrees": [-40, 40]}, {"op": "zoom", "factor": [0.7, 1.4]}]


def session_of(folder: Path, *steps: Any, **view: Any) -> Session:
    """A session without a renderer, of these steps and the images of a folder."""
    text = json.dumps({"version": 1, "augment": list(steps), "output": BYTES})
    return Session(text, View(**view), Pictures([str(folder)]), None)


def pixels_of(picture: Picture) -> Any:
    encoded = picture.url.partition(",")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an image, and then one that is damaged."""
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no image")
    return tmp_path


# --- small images


def test_large_images_are_reduced_by_a_whole_number_and_others_left() -> None:
    large = noise(640, 961, 3)

    reduced = pixels_of(small(large))
    assert reduced.shape == (214, 321, 3)  # what is left over at an edge is a pixel, too
    expected = cv2.resize(large[:639, :960], (320, 213), interpolation=cv2.INTER_AREA)
    assert np.abs(reduced[:213, :320].astype(int) - expected).max() <= 1  # rounded
    assert np.array_equal(pixels_of(small(noise(639, 100, 3))), noise(639, 100, 3))
    assert pixels_of(small(noise(700, 700, 1))).shape == (350, 350)


def test_annotations_are_drawn_where_they_are_given() -> None:
    plain = np.zeros((20, 20, 3), np.uint8)
    boxes = {"boxes": np.array([[4.0, 4, 12, 12]]), "labels": np.array([0])}

    assert not pixels_of(small(plain)).any()
    assert pixels_of(small(plain, {"boxes": boxes}))[4, 4:12].any(axis=-1).all()


def test_work_stops_where_another_sample_is_shown() -> None:
    session = SimpleNamespace(policy=1, detail=None, view=View())
    board: Any = SimpleNamespace(client=SimpleNamespace(is_deleted=False), session=session)

    async def made() -> list[int]:
        found = []
        async for item in Board.arriving(board, iter(range(9)), session.policy, (0, 0, 0)):
            found.append(item)
            session.view = View(epoch=item // 3)
        return found

    with ThreadPoolExecutor(1) as runner:
        assert runner.submit(asyncio.run, made()).result() == [0, 1, 2, 3]


# --- filmstrip


def film(*steps: Any, index: int = 0) -> tuple[Frame, ...]:
    return filmstrip(policy(*steps), Sample.of(IMAGE, seed=3, index=index)).frames


def test_steps_that_share_a_resample_are_in_one_bracket() -> None:
    bright = {"op": "brightness", "delta": [0.1, 0.2]}
    found = brackets(film(bright, *GEOMETRY, {"op": "invert"}, *GEOMETRY))

    assert [[frame.op for frame in one.frames] for one in found] == [
        ["brightness"],
        ["rotate", "zoom"],
        ["invert"],
        ["rotate", "zoom"],
    ]
    shared = "rotate and zoom share one resample"
    assert [one.note for one in found] == ["", shared, "", shared]


def test_brackets_that_follow_one_another_stay_apart() -> None:
    constant = [{**step, "fill": "constant"} for step in GEOMETRY]
    found = brackets(film(*GEOMETRY, *constant))

    assert [len(one.frames) for one in found] == [2, 2]


def test_a_step_that_is_left_out_is_in_a_bracket_that_goes_on_after_it() -> None:
    rotate, zoom = GEOMETRY
    never = {"op": "shear", "x_degrees": 20, "p": 0.01}
    between = brackets(film(rotate, never, zoom))
    after = brackets(film(rotate, zoom, never))

    assert [[frame.op for frame in one.frames] for one in between] == [["rotate", "shear", "zoom"]]
    assert [[frame.op for frame in one.frames] for one in after] == [["rotate", "zoom"], ["shear"]]


def test_another_op_in_a_place_is_another_shape() -> None:
    (invert,), (flip,) = (brackets(film({"op": op})) for op in ("invert", "flip"))
    (again,) = brackets(film({"op": "invert", "p": 0.5}))

    assert invert.shape == again.shape != flip.shape


def test_what_is_said_of_a_frame() -> None:
    rotate, zoom = film(*GEOMETRY)
    (flip,) = film({"op": "flip"})
    (shear,) = film({"op": "shear", "x_degrees": 20, "p": 0.01})

    assert said_of(rotate).startswith("degrees ")
    assert said_of(rotate).endswith("\nas if the policy ended here")
    assert "as if" not in said_of(zoom)
    assert said_of(flip) == "done"
    assert said_of(shear) == "left out: its p 0.01"


def test_the_last_picture_of_a_film_is_the_training_sample(folder: Path) -> None:
    session = session_of(folder, *GEOMETRY, {"op": "invert"})
    assert session.policy is not None
    made = make_film(session, session.policy, (3, 2, 0))
    expected = augreg.augment(IMAGE, session.policy, seed=3, epoch=2, index=[0])

    assert made.image[1] == "31 x 24 px"
    assert np.array_equal(pixels_of(made.image[0]), IMAGE)
    assert np.array_equal(pixels_of(made.pictures["/augment/2"]), expected)


def test_a_sample_has_the_annotations_of_its_photo_in_pixels() -> None:
    boxes = {"boxes": np.array([[0.25, 0.5, 0.5, 1]], np.float32), "labels": np.array([1])}
    drawn = SimpleNamespace(parts={"boxes": boxes}, box_format="rel_xyxy", names=(), pairs=[(0, 1)])
    photo = Photo("a", noise(40, 20, 3), drawn, 7)
    sample = sample_of(policy({"op": "flip"}), photo, (1, 2, 7))

    assert (sample.seed, sample.epoch, sample.index) == (1, 2, 7)
    assert np.allclose(sample.element["boxes"]["boxes"], [[5, 20, 10, 40]])
    assert sample.rules == TargetRules("xyxy", keypoint_pairs=((0, 1),))


def test_a_sample_that_is_too_large_is_refused_before_it_is_made() -> None:
    large = {"op": "resize", "height": 3000, "width": 3000}
    photo = Photo("a", IMAGE, SimpleNamespace(pairs=()), 0)
    with pytest.raises(DataError, match="3000x3000 pixels"):
        sample_of(policy(large), photo, (0, 0, 0))


# --- costs


def rows_of(*steps: Any, times: int = 0) -> list[StageRow]:
    loaded = policy(*steps)
    stages = explain(loaded, size=(24, 31)).stages
    timed = [StageTime(stage, 20.4, 18, 30, 9) for stage in stages[:times]]
    return stage_rows(stages, effects(loaded, [Sample.of(IMAGE, seed=3)]), timed)


def test_what_steps_do_stands_at_the_stage_that_does_them() -> None:
    bright = {"op": "brightness", "delta": [0.4, 0.5]}
    blur = {"op": "gaussian_blur", "kernel_size": 3, "sigma": [0.5, 2]}
    some = {"some_of": [{"op": "invert"}, bright], "n": 2, "replace": True}
    rows = rows_of(*GEOMETRY, bright, {"op": "invert"}, {"one_of": [blur, bright]}, some)

    assert [row.stage.kind for row in rows if row.stage] == [
        "resample",
        "pointwise",
        "neighbourhood",
        "pointwise",
    ]
    assert [[one.pointers for one in row.effects] for row in rows] == [
        [("/augment/0", "/augment/1")],
        [("/augment/2",), ("/augment/3",)],
        [("/augment/4/one_of/0",)],
        [
            ("/augment/4/one_of/1",),
            ("/augment/5/some_of/0#0",),
            ("/augment/5/some_of/1#0",),
            ("/augment/5/some_of/0#1",),
            ("/augment/5/some_of/1#1",),
        ],
    ]


def test_slots_that_are_stages_of_their_own_have_their_own_effects() -> None:
    blur = {"op": "gaussian_blur", "kernel_size": 3, "sigma": [0.5, 2]}
    bright = {"op": "brightness", "delta": [0.4, 0.5]}
    rows = rows_of({"some_of": [blur, bright], "n": 2, "replace": True})

    found = [[one.pointers[0][-1] for one in row.effects] for row in rows]
    assert found == [["0"], ["0"], ["1"], ["1"]]


def test_the_sum_is_there_once_all_stages_are_timed() -> None:
    steps = (*GEOMETRY, {"op": "brightness", "delta": [0.4, 0.5]})
    part, whole = table(rows_of(*steps, times=1)), table(rows_of(*steps, times=2))

    assert "All" not in part
    assert part.count("not measured") == 1
    assert '<th scope="row">All</th><td>41 µs</td>' in whole
    assert time_text(rows_of(*steps, times=1)[0].time) == "20 µs\n18 to 30 in 9 runs"


def test_shares_are_percentages_and_little_is_not_nothing() -> None:
    shown = table(rows_of({"op": "brightness", "delta": 0.5}))
    clipped = np.mean(IMAGE.astype(np.float32) / 255 + 0.5 > 1) * 100
    assert f"<td>none</td><td>{clipped:.1f} %</td><td>no boxes</td>" in shown

    many = np.zeros((60, 60, 3), np.uint8)
    many[0, 0] = 255
    loaded = policy({"op": "brightness", "delta": 0.5})
    stages = explain(loaded, size=(60, 60)).stages
    assert "under 0.1 %" in table(stage_rows(stages, effects(loaded, [Sample.of(many)]), []))


def test_boxes_are_counted() -> None:
    loaded = policy({"op": "crop", "height": 10, "width": 10, "position": "center"})
    corners = [[0.0, 0, 4, 4], [27.0, 20, 31, 24], [13.0, 10, 17, 14]]
    boxes = {"boxes": np.array(corners), "labels": np.arange(3)}
    sample = Sample.of({"images": IMAGE, "boxes": boxes}, bounding_box_format="xyxy")
    stages = explain(loaded, size=(24, 31)).stages

    shown = table(stage_rows(stages, effects(loaded, [sample]), []))
    assert "<td>2 of 3</td>" in shown


def test_costs_are_of_the_images_that_can_be_read(folder: Path) -> None:
    session = session_of(folder, *GEOMETRY, across="images")
    assert session.policy is not None
    costs = Costs.of(session, session.policy)
    assert costs.count == 1
    assert costs.batch.shape == (12, 24, 31, 3)
    assert (costs.batch == IMAGE).all()

    alone = session_of(folder / "b.png", *GEOMETRY)
    with pytest.raises(ImageError, match=r"b\.png"):
        Costs.of(alone, session.policy)


def test_few_large_images_are_timed_at_once() -> None:
    image = np.broadcast_to(np.uint8(0), (1500, 2000, 3))
    loaded = policy({"op": "invert"})
    costs = Costs(loaded, image, explain(loaded, size=(1500, 2000)), (), 1)
    assert len(costs.batch) == 1


# --- too strong


def test_the_sentence_says_where_in_its_range_the_value_is(folder: Path) -> None:
    session = session_of(folder, {"op": "rotate", "degrees": [-30, 60]})
    assert session.policy is not None
    said = set()
    for epoch in range(6):
        found = strength_of(session, session.policy, (0, epoch, 0))
        assert found.blame is not None
        below = stats.uniform(-30, 90).cdf(found.blame.value)
        share, which = (below, "lower") if found.blame.value > 0 else (1 - below, "higher")
        said.add(which)
        assert sentence(found) == (
            f"rotate at /augment/0 drew degrees {found.blame.value:.3g}: "
            f"{100 * share:.0f} % of its draws are {which}."
        )
        assert found.proposal is not None
        assert change_text(found.proposal).startswith("/augment/0/degrees: [-30, 60] → [")
    assert said == {"lower", "higher"}


def test_shares_are_a_table_or_nothing(folder: Path) -> None:
    session = session_of(folder, *GEOMETRY)
    assert session.policy is not None
    found = strength_of(session, session.policy, (0, 0, 0))
    shown = shares_table(found.shares)

    assert shown.count("<tr>") == 3
    assert f"<td>{100 * found.shares[0].score:.0f} %</td>" in shown
    assert shares_table(()) == ""
