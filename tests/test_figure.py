"""`augreg.preview` and what policies, plans and datasets say of themselves in a notebook."""

from __future__ import annotations

import html.parser
import io
import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from samples import drawn_values

import augreg
from augreg.errors import DataError, ImageError
from augreg.images import photo_paths
from augreg.plan import plan

POLICY: dict[str, Any] = {
    "version": 1,
    "augment": [{"op": "brightness", "delta": [-0.3, 0.3]}, {"op": "flip", "p": 0.5}],
    "output": {"range": [-1, 1]},
}
IMAGE = np.random.default_rng(0).integers(60, 190, (12, 16, 3), np.uint8)


def shown(figure: Figure) -> list[np.ndarray[Any, Any]]:
    """The pictures of a figure, in order."""
    return [np.asarray(axes.get_images()[0].get_array()) for axes in figure.axes]


def sample(image: Any, index: int, epoch: int, seed: int = 0) -> Any:
    policy = {**POLICY, "output": {"dtype": "uint8"}}
    return augreg.augment(image, policy, seed=seed, index=[index], epoch=epoch)


def test_one_image_stands_beside_nine_samples_of_the_policy() -> None:
    figure = augreg.preview(POLICY, IMAGE, seed=4)
    assert isinstance(figure, Figure)
    original, *samples = shown(figure)
    np.testing.assert_array_equal(original, IMAGE)
    assert len(samples) == 9 and len({one.tobytes() for one in samples}) == 9
    for copy, one in enumerate(samples):
        np.testing.assert_array_equal(one, sample(IMAGE, 0, copy, seed=4))


def test_each_sample_of_a_figure_says_what_was_drawn() -> None:
    figure = augreg.preview(POLICY, IMAGE, seed=4, epoch=3, index=7, samples=5)
    said, planned = [text.get_text() for text in figure.texts], plan(augreg.load_policy(POLICY))
    assert {"original", "16 x 12 px, shown at 1100%"} <= set(said)
    for epoch in range(3, 8):
        found = drawn_values(planned, 4, epoch, 7)
        _, after, more, *_ = *said[said.index(f"epoch {epoch}, index 7") :], ""
        assert after == f"brightness delta {found['/augment/0']['delta']:.3g}"
        assert (more == "flip") == ("/augment/1" in found)


@pytest.mark.parametrize("samples", [1, 4, 9])
def test_no_text_of_a_figure_overlaps_another_or_a_picture(samples: int) -> None:
    steps = [{"op": "translate", "x": [-0.1, 0.1], "y": [-0.1, 0.1]}] * 8
    policy = {"version": 1, "name": "a long name " * 30, "augment": steps}
    wide = np.zeros((20, 90, 3), np.uint8)
    figure = augreg.preview(policy, [IMAGE, wide], samples=samples)
    figure.canvas.draw()
    texts = [text.get_window_extent() for text in figure.texts]
    everything = [*texts, *(axes.get_window_extent() for axes in figure.axes)]
    assert len(texts) > 8 * samples
    for box in everything:
        assert box.x0 >= 0 and box.y0 >= 0
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
    for one, other in itertools.combinations(everything, 2):
        assert not one.overlaps(other), (one, other)


def test_several_images_stand_below_one_another_drawn_at_their_own_index_and_epoch() -> None:
    batch = np.stack([IMAGE, 255 - IMAGE])
    figure = augreg.preview(POLICY, batch, epoch=3, index=[40, 7], samples=2)
    found = shown(figure)
    assert len(found) == 6
    for row, index in enumerate((40, 7)):
        np.testing.assert_array_equal(found[3 * row], batch[row])
        for copy in range(2):
            np.testing.assert_array_equal(
                found[3 * row + 1 + copy], sample(batch[row], index, 3 + copy)
            )


def test_arrays_tensors_floats_lists_and_paths_are_images(tmp_path: Path) -> None:
    import tensorflow as tf

    path = tmp_path / "a.png"
    Image.fromarray(IMAGE).save(path)
    wide = np.zeros((5, 30, 3), np.uint8)
    wanted = shown(augreg.preview(POLICY, IMAGE, samples=1))
    for given in (tf.constant(IMAGE), path, str(path), [IMAGE], (path,), IMAGE[None]):
        for one, other in zip(shown(augreg.preview(POLICY, given, samples=1)), wanted, strict=True):
            np.testing.assert_array_equal(one, other)
    for floats, means in ((IMAGE / np.float32(255), None), (IMAGE.astype("float32"), (0, 255))):
        original, made = shown(augreg.preview(POLICY, floats, samples=1, input_range=means))
        np.testing.assert_array_equal(original, IMAGE)
        assert np.abs(made.astype(int) - wanted[1]).max() <= 1
    assert len(shown(augreg.preview(POLICY, [IMAGE, wide, path], samples=1))) == 6
    assert len(shown(augreg.preview(POLICY, samples=1))) == 2 * len(photo_paths())
    assert shown(augreg.preview(POLICY, IMAGE[..., :1], samples=1))[0].shape == IMAGE.shape[:2]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGE.astype("float32"), r"holds floats of .*input_range=\(0, 255\)"),
        ((IMAGE, 3), r"this is a int; preview takes images"),
        ((IMAGE, np.int64(3)), r"int64 \[\]; preview takes images .*of \(image, label\), give"),
        ([], "there is no image in an empty list"),
        (IMAGE[..., 0], r"uint8 \[12, 16\]; preview takes images"),
    ],
    ids=["floats", "pair", "numpy pair", "empty", "flat"],
)
def test_what_is_no_image_is_refused_with_what_is(images: Any, message: str) -> None:
    with pytest.raises((ImageError, DataError), match=message):
        augreg.preview(POLICY, images)


def test_dataset_is_refused_with_the_way_to_its_images() -> None:
    import tensorflow as tf

    with pytest.raises(DataError, match=r"this is a dataset; .*next\(iter\(dataset\)\)"):
        augreg.preview(POLICY, tf.data.Dataset.from_tensors(IMAGE))


def test_count_of_positions_is_that_of_the_images() -> None:
    with pytest.raises(DataError, match="1 positions in index for 2 images"):
        augreg.preview(POLICY, [IMAGE, IMAGE], index=5)


def test_mixing_policy_shows_a_batch_mixed() -> None:
    policy = {"version": 1, "augment": [{"op": "mixup", "classes": 2, "alpha": 20.0}]}
    black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    figure = augreg.preview(policy, [black, white], samples=1)
    assert 0 < shown(figure)[1].mean() < 255
    with pytest.raises(augreg.PolicyError, match="found a single image; pass a batch"):
        augreg.preview(policy, black)


def test_figure_is_shown_by_a_notebook_and_saved_without_a_display(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys, numpy as np, augreg\n"
        "figure = augreg.preview('flowers', np.zeros((20, 30, 3), 'uint8'))\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'tensorflow' not in sys.modules\n"
        "pathlib.Path(sys.argv[1]).write_bytes(figure._repr_png_())\n"
        "figure.savefig(sys.argv[2])\n"
    )
    paths = [str(tmp_path / name) for name in ("a.png", "b.png")]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *paths], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    for path in paths:
        with Image.open(path) as image:
            assert image.format == "PNG" and min(image.size) > 300


def test_name_with_dollars_is_no_formula() -> None:
    policy = {**POLICY, "name": r"$\foo$ and <b>"}
    assert augreg.preview(policy, IMAGE, samples=1)._repr_png_()


class Tags(html.parser.HTMLParser):
    """Reads HTML: that every tag that is opened is closed, and which there are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = io.StringIO()
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert not attrs
        self.seen.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.write(data)


EVIL = "<script>alert('x')</script>&<img src=x onerror=alert(1)>"


def test_policy_and_plan_show_steps_and_escape_what_anyone_wrote() -> None:
    step = {"op": "rotate", "degrees": [-5, 5], "p": 0.5, "id": EVIL}
    nested = {"one_of": [{"op": "invert"}, {"sequence": [{"op": "flip"}]}], "weights": [1, 3]}
    policy = augreg.load_policy(
        {"version": 1, "name": EVIL, "description": EVIL, "augment": [step, nested]}
    )
    for thing, words in (
        (policy, ["rotate degrees [-5, 5], p 0.5", "one_of weights [1, 3]", "invert", "sequence"]),
        (plan(policy, size=(30, 40)), ["30x40x3", "/augment/0", "/augment/1", "affine"]),
    ):
        page = Tags(thing._repr_html_())
        assert page.seen <= {"div", "b", "code", "ul", "li", "br"}
        for word in words:
            assert word in page.text.getvalue() and word in repr(thing)
        assert policy.hash[:12] in repr(thing)


def test_long_policy_is_cut() -> None:
    policy = augreg.load_policy({"version": 1, "augment": [{"op": "flip"}] * 300})
    assert len(repr(policy).splitlines()) < 50 and "261 lines more" in repr(policy)


def test_dataset_says_which_policy_it_runs_and_stays_a_dataset() -> None:
    import tensorflow as tf

    source = tf.data.Dataset.from_tensor_slices(IMAGE[None])
    ds = augreg.augment_dataset(source, {**POLICY, "name": EVIL}, batch_size=1, seed=5)
    assert isinstance(ds, tf.data.Dataset)
    for word in ("training", "seed 5", "brightness delta [-0.3, 0.3]", "element_spec"):
        assert word in repr(ds)
    assert "brightness" in Tags(ds._repr_html_()).text.getvalue()
    assert next(iter(ds.map(lambda x: x + 1).batch(1))).shape == (1, 1, 12, 16, 3)
    plain = tf.data.Dataset.range(2).prefetch(1)
    assert "augreg" not in repr(plain) and not hasattr(plain, "_repr_html_")
