"""The benchmark harness times fairly and writes what it measured."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ops, work
from benchmarks.measure import Length, Runner, Skipped, Turn, calibrate, interleave, take_turn
from benchmarks.ops import code_lines, first_party
from benchmarks.page import END, START, write, write_ops
from benchmarks.peers import Source, processes
from benchmarks.peers.placement import stepped
from benchmarks.race import measured, summarize

ROOT = Path(__file__).parents[1]


class Pipeline:
    """Takes `seconds` for a batch, but hands out `ready` batches at once whenever refilled."""

    def __init__(self, seconds, ready):
        self.seconds, self.ready, self.taken = seconds, ready, 0

    def step(self):
        self.taken += 1
        if self.ready:
            self.ready -= 1
            return
        time.sleep(self.seconds)


def test_batches_that_lay_ready_are_not_counted_as_work():
    pipeline = Pipeline(0.02, ready=12)
    turn = take_turn(stepped(pipeline.step), Length(4, 0.02), batch=32)
    assert turn.seconds >= 4 * 0.02
    assert turn.images == 4 * 32


def test_turn_is_as_long_as_asked():
    pipeline = Pipeline(0.005, ready=0)
    length = calibrate(stepped(pipeline.step), 0.1)
    assert 5 <= length.batches <= 20
    assert 0.005 <= length.seconds < 0.02


def test_turn_is_a_multiple_of_the_workers():
    runner = Runner(lambda count: time.sleep(0.01 * count), sample=lambda: None, even=2)
    assert calibrate(runner, 0.05).batches % 2 == 0


def test_everyone_has_a_turn_in_every_round_and_the_start_moves_on():
    order = []

    def runner(name):
        return Runner(lambda count: (order.append(name), time.sleep(0.002))[1], lambda: None)

    turns = interleave({name: runner(name) for name in "abc"}, rounds=3, seconds=0.001, batch=1)
    assert [len(turns[name]) for name in "abc"] == [3, 3, 3]
    assert "".join(order)[-9:] == "abcbcacab"


def test_ratios_compare_turns_of_the_same_round():
    # The machine halves its speed in the second round; augreg is twice as fast in each.
    turns = {
        "floor": [Turn(100, 0.1, 0.1), Turn(100, 0.2, 0.2), Turn(100, 0.1, 0.1)],
        "augreg": [Turn(100, 1, 2), Turn(100, 2, 4), Turn(100, 1, 2)],
        "peer": [Turn(100, 2, 2), Turn(100, 4, 4), Turn(100, 2, 2)],
    }
    titles = {name: name for name in (*turns, "absent")}
    entries = summarize(turns, titles, {"absent": "not installed"})
    peer = measured({"contestants": entries}, "peer")
    assert peer["ahead"] == {"median": 2, "min": 2, "max": 2}
    assert peer["floors"] == {"median": 20, "min": 20, "max": 20}
    assert peer["images_per_second"] == {"median": 50, "min": 25, "max": 50}
    assert measured({"contestants": entries}, "augreg")["cores"]["median"] == 2
    assert entries[-1] == {"name": "absent", "title": "absent", "skipped": "not installed"}


def test_whole_run_has_every_policy_at_180_and_full_at_every_size():
    found = [(case.policy, case.size) for case in work.Settings().cases()]
    assert found[: len(work.POLICIES)] == [(policy, 180) for policy in work.POLICIES]
    assert found[len(work.POLICIES) :] == [("full", 32), ("full", 224), ("full", 512)]


def test_images_are_the_same_for_the_same_seed_and_not_flat():
    case = work.Case("full", 32)
    first = work.images(case)
    assert first.shape == (512, 32, 32, 3) and first.dtype == "uint8"
    assert (first == work.images(case)).all()
    assert first.std(axis=(1, 2, 3)).min() > 20


def test_tutorial_policy_moves_with_the_size():
    steps = work.policy("tutorial_tf_image", 32)["augment"]
    assert [(step.get("height"), step.get("width")) for step in steps[:2]] == [(38, 38), (32, 32)]


@pytest.mark.parametrize("size", work.SIZES)
@pytest.mark.parametrize("name", work.POLICIES)
def test_every_benchmark_policy_loads(name, size):
    import augreg

    augreg.load_policy(work.policy(name, size))


def test_single_ops_are_loaded_and_keep_the_size():
    import augreg

    image = work.images(work.Case("full", 180, batch=1))[0]
    for name in work.single_ops():
        made = augreg.augment(image, augreg.load_policy(work.policy(name)), seed=7)
        assert made.shape == (180, 180, 3), name


def test_workers_of_a_library_that_is_missing_say_so():
    source = Source(work.Case("full", 16, batch=2), work.images(work.Case("full", 16, batch=2)))
    with pytest.raises(Skipped, match="No module named"):
        processes.start(source, "absent")


def test_harness_starts_without_augreg_or_a_peer():
    code = (
        "import sys; import benchmarks.__main__, benchmarks.speed, benchmarks.startup; "
        "from benchmarks.peers import contestants; contestants(); "
        "heavy = {'tensorflow', 'keras', 'albumentations', 'augreg', 'cv2'}; "
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def results():
    """Results of a run with two contestants, as they are saved."""
    rate = {"median": 2000.0, "min": 1900.0, "max": 2100.0}
    ours = {
        "name": "augreg",
        "title": "augreg, augment_dataset",
        "images_per_second": rate,
        "microseconds": 500.0,
        "cores": {"median": 1.9, "min": 1.8, "max": 2.0},
    }
    peer = {
        **ours,
        "name": "keras_data",
        "title": "Keras layers in tf.data",
        "ahead": {"median": 12.0, "min": 11.0, "max": 13.0},
    }
    machine = {
        "date": "2030-01-01 00:00 UTC",
        "commit": "",
        "processor": "a processor",
        "cores": 2,
        "memory_gib": 8.0,
        "system": "Linux",
        "environment": {},
        "versions": {"python": "3.11"},
    }
    case = {"policy": "full", "size": 180, "batch": 32, "rounds": 7, "contestants": [ours, peer]}
    return {"kind": "speed", "machine": machine, "cases": [case]}


def test_page_is_replaced_between_the_markers_only(tmp_path):
    (tmp_path / "speed.json").write_text(json.dumps(results()))
    page = tmp_path / "docs" / "benchmarks.md"
    write(tmp_path, page)
    assert (page.parent / "benchmarks.png").stat().st_size > 10_000
    page.write_text("My words.\n" + page.read_text().replace("2,000", "old") + "The end.\n")
    write(tmp_path, page)
    text = page.read_text()
    assert text.startswith("My words.\n") and text.endswith("The end.\n")
    assert "old |" not in text and "a processor, 2 cores" in text
    # A goal that is missed says so like one that is reached.
    assert "| full | Keras layers in tf.data | 20x | 12.00x | missed |" in text


def _helper(x):
    """Not counted.

    Nor this.
    """

    # nor this
    return x + len(
        """a string
        is code"""
    )


def _counted(x):
    """Not counted."""
    table = {"a": 1}  # code, with a comment

    return _helper(x) + _counted_again(x) + json.loads(str(table["a"]))


def _counted_again(x):
    return _counted(x) if x else _helper(x)


def test_lines_of_an_op_are_code_with_its_helpers_each_once():
    assert code_lines(_helper) == 5
    assert code_lines(_counted_again) == 2 + 3 + 5


def test_lines_of_an_op_hold_its_declaration():
    from augreg_ops.color import grayscale, saturation

    assert code_lines(grayscale.function) == 3
    assert code_lines(saturation.function) == 6 + 2 + 6  # declaration, function, helper


def test_table_of_ops_holds_every_one():
    text = (ROOT / "docs" / "op-table.md").read_text()
    names = re.findall(r"^\| \[(\w+)\]\(ops.md#\1\) \|", text, re.MULTILINE)
    assert names == [op.name for op in first_party()]
    assert "cores, " in text and "tensorflow 2" in text  # the machine and the versions


def test_table_of_ops_says_how_far_apart_and_how_often(tmp_path):
    spread = {"median": 2000.0, "min": 1900.0, "max": 2100.0}
    entry = {
        "name": "rotate",
        "lines": 18,
        "images_per_second": spread,
        "floors": {"median": 4.25, "min": 4.0, "max": 5.0},
        "reference": {"levels": 16.0, "above": 0.00031},
    }
    machine = results()["machine"]
    found = {"machine": machine, "ops": [entry], "rounds": 3, "seconds": 0.2, "floor": spread}
    (tmp_path / "ops.json").write_text(json.dumps(found))
    write_ops(tmp_path, tmp_path / "op-table.md")
    text = (tmp_path / "op-table.md").read_text()
    assert "| [rotate](ops.md#rotate) | 18 | 2,000 | 4.2 | 16 (0.03% above 1) |  |" in text
    assert "the median of 3 turns" in text and "a processor, 2 cores" in text


def test_difference_is_in_levels():
    apart = ops.apart([0.0, 0.5, 1.0, 1.0], [0.0, 0.5, 1.0, 1 - 3 / 255])
    assert apart == {"levels": 3.0, "above": 0.25}
    assert ops.apart([0.5], [0.5 + 0.5 / 255]) == {"levels": 0.5, "above": 0.0}


def test_parity_is_of_the_samples_that_tf_data_made_first():
    """An op that mixes needs its whole batch; others are compared by their first samples."""
    photos = np.random.default_rng(1).integers(0, 256, (12, 16, 16, 3), np.uint8)
    for name in ("mixup", "brightness"):
        (op,) = (op for op in first_party() if op.name == name)
        policy = ops.policy_of(op)
        source = Source(work.Case("ops", 16, batch=12), photos)
        data = ops._pixels(ops.runner(op, source).sample())
        assert ops.from_reference(policy, photos, data)["levels"] < 0.01
        assert ops.from_layer(policy, photos, data)["levels"] < 0.01
        assert ops.from_reference(policy, photos[::-1].copy(), data)["levels"] > 1


def test_page_without_markers_is_left_alone(tmp_path):
    (tmp_path / "speed.json").write_text(json.dumps(results()))
    page = tmp_path / "benchmarks.md"
    page.write_text("Written by hand.\n")
    with pytest.raises(SystemExit, match=START):
        write(tmp_path, page)
    assert page.read_text() == "Written by hand.\n"
    assert END in (ROOT / "benchmarks" / "page.md").read_text()
