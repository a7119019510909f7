"""Parameters that follow the epoch."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import augreg

GREY = np.full((3, 4, 4, 3), 100, np.uint8)


def _policy(start, stop, epochs=4, shape=None, op="brightness", parameter="delta"):
    schedule = {"from": start, "to": stop, "epochs": epochs, **({"shape": shape} if shape else {})}
    return {"version": 1, "augment": [{"op": op, parameter: {"schedule": schedule}}]}


def _added(policy, epoch):
    return augreg.augment(GREY, policy, seed=7, epoch=epoch)[:, 0, 0, 0] - np.float32(100 / 255)


def test_a_constant_moves_linearly_and_then_stays():
    policy = _policy(0.0, 0.4)
    found = [_added(policy, epoch)[0] for epoch in range(7)]
    np.testing.assert_allclose(found, [0, 0.1, 0.2, 0.3, 0.4, 0.4, 0.4], atol=1e-6)


def test_a_cosine_starts_and_ends_flat():
    found = [_added(_policy(0.0, 0.4, shape="cosine"), epoch)[0] for epoch in range(5)]
    expected = 0.4 * (1 - np.cos(np.pi * np.arange(5) / 4)) / 2
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_ends_of_a_range_move():
    narrow = _policy([-0.01, 0.01], [-0.3, 0.3])
    images = np.full((400, 1, 1, 3), 0.5, np.float32)
    first, last = (
        augreg.augment(images, narrow, seed=7, epoch=epoch)[:, 0, 0, 0] - 0.5 for epoch in (0, 4)
    )
    assert np.abs(first).max() <= 0.0101
    assert 0.28 < np.abs(last).max() <= 0.3001


def test_an_integer_stays_one():
    policy = _policy(8, 1, epochs=7, op="posterize", parameter="bits")
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    levels = [len(np.unique(augreg.augment(ramp, policy, seed=7, epoch=e))) for e in range(8)]
    assert levels == [2**bits for bits in range(8, 0, -1)]


def test_the_epoch_is_a_tensor_and_nothing_is_traced_again():
    policy = _policy([0.0, 0.1], [0.2, 0.4])
    fn = augreg.map_fn(policy, seed=7, batched=True)
    traces = []

    @tf.function
    def run(index, images, epoch):
        traces.append(1)
        return fn(index, images, epoch)

    for epoch in range(6):
        found = run(tf.range(3), tf.constant(GREY), tf.constant(epoch))
        expected = augreg.augment(GREY, policy, seed=7, epoch=epoch)
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(traces) == 1


def test_a_function_that_is_not_told_the_epoch_refuses_to_guess_it():
    policy = _policy(0.0, 0.4)
    told = np.full_like(GREY, 0, np.float32) + np.float32(100 / 255)
    fn = augreg.map_fn(policy, seed=7, batched=True)
    with pytest.raises(augreg.PolicyError) as caught:
        fn(tf.range(3), GREY)
    assert str(caught.value) == (
        "/augment/0: a parameter follows the epoch, and the function was not told which it is; "
        "call it as fn(index, element, epoch), give map_fn an epoch, or use augment_dataset"
    )
    ds = tf.data.Dataset.from_tensor_slices(GREY).enumerate()
    with pytest.raises(augreg.PolicyError, match="follows the epoch"):
        ds.map(augreg.map_fn(policy, seed=7))
    np.testing.assert_allclose(fn(tf.range(3), GREY, 0), told, atol=1e-6)
    for epoch in (0, tf.constant(0, tf.int64)):  # said so
        given = augreg.map_fn(policy, seed=7, batched=True, epoch=epoch)
        np.testing.assert_allclose(given(tf.range(3), GREY), told, atol=1e-6)


def test_what_does_not_follow_the_epoch_need_not_be_told_it():
    policy = _policy(0.0, 0.4)
    for options in ({"training": False}, {"sections": ["prepare", "output"]}):
        fn = augreg.map_fn(policy, seed=7, batched=True, **options)
        np.testing.assert_allclose(fn(tf.range(3), GREY), GREY / 255, atol=1e-6)
    plain = {"version": 1, "augment": [{"op": "brightness", "delta": [0.0, 0.4]}]}
    fn = augreg.map_fn(plain, seed=7, batched=True)
    np.testing.assert_array_equal(fn(tf.range(3), GREY), fn(tf.range(3), GREY, 0))


def test_a_dataset_follows_its_epochs_and_resumes():
    policy = _policy(0.0, 0.4)
    source = tf.data.Dataset.from_tensor_slices(GREY)
    whole = list(augreg.augment_dataset(source, policy, 3, seed=7, epochs=4))
    rest = list(augreg.augment_dataset(source, policy, 3, seed=7, epochs=2, first_epoch=2))
    for found, expected in zip(rest, whole[2:], strict=True):
        np.testing.assert_array_equal(found, expected)
    assert len({float(batch[0, 0, 0, 0]) for batch in whole}) == 4


def test_the_layer_asks_for_the_epoch_in_training_only():
    layer = augreg.AugmentationLayer(_policy(0.0, 0.4), seed=7)
    with pytest.raises(augreg.PolicyError, match=r'follows the epoch.*with "epoch"'):
        layer(GREY, training=True)
    np.testing.assert_allclose(layer(GREY, training=False), GREY / 255, atol=1e-6)
    found = layer(GREY, training=True, epoch=2)
    np.testing.assert_allclose(found, GREY / 255 + 0.2, atol=1e-6)


def test_a_step_stays_until_its_epoch():
    found = [_added(_policy(0.0, 0.4, shape="step"), epoch)[0] for epoch in range(6)]
    np.testing.assert_allclose(found, [0, 0, 0, 0, 0.4, 0.4], atol=1e-6)


def _chance(**schedule):
    node = {"op": "invert", "p": {"schedule": {"epochs": 4, **schedule}}}
    return {"version": 1, "augment": [{"sequence": [node]}, {"one_of": [{"op": "clip"}]}]}


def test_p_follows_the_epoch_in_every_way_of_running_it():
    """By counting: the share of samples that a step is done to, and the same ones everywhere."""
    black, index = np.zeros((2000, 1, 1, 3), np.uint8), np.arange(2000)
    policy = _chance(**{"from": 1, "to": 0.2})
    fn = augreg.map_fn(policy, seed=7, batched=True)
    layer = augreg.AugmentationLayer(policy, seed=7)
    source = tf.data.Dataset.from_tensor_slices(black)
    epochs = iter(augreg.augment_dataset(source, policy, 2000, seed=7, epochs=6))
    for epoch, share in enumerate((1, 0.8, 0.6, 0.4, 0.2, 0.2)):
        made = augreg.augment(black, policy, seed=7, epoch=epoch)
        assert abs(made.mean() - share) < 0.04
        for other in (
            fn(index, black, epoch),
            layer(black, training=True, index=index, epoch=epoch),
            next(epochs),
            fn(index, black, np.full(2000, epoch)),
        ):
            np.testing.assert_array_equal(other, made)


def test_who_is_done_at_a_smaller_p_is_done_at_a_larger_one():
    black = np.zeros((500, 1, 1, 3), np.uint8)
    grow = _chance(**{"from": 0, "to": 1, "shape": "step"})
    assert not augreg.augment(black, grow, seed=7, epoch=3).any()
    assert augreg.augment(black, grow, seed=7, epoch=4).all()


def test_a_scheduled_p_needs_the_epoch():
    fn = augreg.map_fn(_chance(**{"from": 1, "to": 0}), seed=7, batched=True)
    with pytest.raises(augreg.PolicyError, match="follows the epoch") as caught:
        fn(tf.range(3), GREY)
    assert caught.value.pointer == "/augment/0/sequence/0"


@pytest.mark.parametrize(
    ("p", "message"),
    [
        ([0.2, 0.5], '/p: "p" is one number, 0 to 1, or a schedule'),
        ({"choice": [0, 1]}, '/p/choice: unknown key "choice"'),
        ({"schedule": {"from": [0, 1], "to": 1, "epochs": 2}}, '/p/schedule/from: "p" is a prob'),
        ({"schedule": {"from": 0, "to": 2, "epochs": 2}}, "/p/schedule/to: 2 is above 1"),
        ({"schedule": {"from": 0, "to": 1}}, '/p/schedule: "schedule" takes "from", "to"'),
    ],
)
def test_a_wrong_p_names_the_place(p, message):
    for node in ({"op": "invert", "p": p}, {"one_of": [{"op": "invert"}], "p": p}):
        with pytest.raises(augreg.PolicyError) as caught:
            augreg.load_policy({"version": 1, "augment": [node]})
        assert "/augment/0" + message in str(caught.value)


def test_a_step_that_changes_the_size_takes_no_schedule():
    crop = {
        "op": "crop",
        "height": 2,
        "width": 2,
        "p": {"schedule": {"from": 1, "to": 1, "epochs": 2}},
    }
    with pytest.raises(augreg.PolicyError, match=r"takes .p. below 1"):
        augreg.augment(GREY, {"version": 1, "augment": [crop]}, seed=7)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"from": 0, "to": 1}, '/delta/schedule: "schedule" takes "from", "to" and "epochs"'),
        ({"from": 0, "to": 9, "epochs": 3}, "/delta/schedule/to: 9 is above 1.0"),
        ({"from": [1, 0], "to": 0, "epochs": 3}, "/delta/schedule/from: the lower bound"),
        ({"from": 0, "to": 1, "epochs": 0}, "/delta/schedule/epochs: 0 is below 1"),
        ({"from": 0, "to": 1, "epochs": 2, "shape": "log"}, '/delta/schedule/shape: "log" is not'),
        (
            {"from": 0, "to": 1, "epochs": 2, "form": "x"},
            '/delta/schedule/form: unknown key "form"',
        ),
    ],
)
def test_a_wrong_schedule_names_the_place(schedule, message):
    policy = {"version": 1, "augment": [{"op": "brightness", "delta": {"schedule": schedule}}]}
    with pytest.raises(augreg.PolicyError) as caught:
        augreg.load_policy(policy)
    assert message in str(caught.value)
