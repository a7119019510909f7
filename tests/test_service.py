"""Batches from a tf.data service: the local sequence, whatever happens to the servers."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
import tensorflow as tf
from samples import noise
from typer.testing import CliRunner

import augreg
from augreg import Indexed
from augreg.cli import app
from augreg.dataset import servers, service
from augreg.errors import DataError, ServiceError
from augreg.train import TrainOptions, train

SIZE, BATCH = 103, 8
IMAGES = noise(SIZE, 6, 7, 3)
PREPARE = {"version": 1, "prepare": [{"op": "resize", "height": 4, "width": 4}]}
OPTIONS = {"batch_size": BATCH, "seed": 5, "shuffle": True, "epochs": 3, "sections": ("prepare",)}


@contextmanager
def _servers(*each: tuple[str, ...]) -> Iterator[list[tuple[subprocess.Popen, str]]]:
    """Servers in processes of their own, and what each says of itself."""
    command = [sys.executable, "-m", "augreg", "input-server"]
    started = [
        subprocess.Popen([*command, *one], stdout=subprocess.PIPE, text=True) for one in each
    ]
    try:
        yield [(process, process.stdout.readline().strip()) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait(timeout=60)
            process.stdout.close()


@contextmanager
def _service(workers: int = 2) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    with _servers(("dispatcher",)) as ((dispatcher, said),):
        address = said.removeprefix("dispatcher: ")
        worker = ("worker", "--dispatcher", address.removeprefix("grpc://"))
        with _servers(*[worker] * workers) as started:
            yield address, [dispatcher, *(process for process, _ in started)]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with _service() as (found, _):
        yield found


def _slow(i):
    """Elements of which some take long, so that steps come in another order."""
    spins = tf.where(i % 5 == 0, 300, 1)
    waited = tf.while_loop(lambda n: n < spins, lambda n: n + 1, [0])[0]
    return tf.gather(tf.constant(IMAGES), i), i + 0 * tf.cast(waited, tf.int64)


SLOW = Indexed(SIZE, _slow)


def _batches(source=SLOW, **options) -> list:
    return list(
        augreg.augment_dataset(source, PREPARE, **{**OPTIONS, **options}).as_numpy_iterator()
    )


def _assert_same(found, expected) -> None:
    assert [labels.tolist() for _, labels in found] == [labels.tolist() for _, labels in expected]
    for (images, _), (wanted, _) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(images, wanted)


def test_two_workers_give_the_local_sequence(address, monkeypatch):
    monkeypatch.setattr(service, "DEADLINE", 120.0)  # of a busy machine
    with warnings.catch_warnings(action="error"):  # nothing was made here
        found = _batches(service=address, first_batch=2)

    _assert_same(found, _batches(first_batch=2))


def test_evaluation_and_later_iterations_come_through_a_service_too(address, monkeypatch):
    monkeypatch.setattr(service, "DEADLINE", 120.0)
    ds = augreg.augment_dataset(
        SLOW, PREPARE, BATCH, training=False, service=address, sections=("prepare",)
    )

    expected = _batches(training=False, shuffle=False, epochs=None)
    assert len(ds) == len(expected)
    for _ in range(2):
        _assert_same(list(ds.as_numpy_iterator()), expected)


@pytest.mark.scale
def test_killed_servers_change_nothing(monkeypatch):
    monkeypatch.setattr(service, "DEADLINE", 3.0)
    with warnings.catch_warnings(), _service() as (address, (dispatcher, *workers)):
        warnings.simplefilter("ignore", RuntimeWarning)  # of what is made here
        ds = augreg.augment_dataset(SLOW, PREPARE, service=address, **OPTIONS)
        batches = ds.as_numpy_iterator()
        found = []
        for process in (*workers, dispatcher):
            found.extend(next(batches) for _ in range(5))
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=60)
        found.extend(batches)

    _assert_same(found, _batches())


@pytest.mark.scale
def test_steps_that_lack_are_made_here_and_it_says_so(monkeypatch):
    monkeypatch.setattr(service, "DEADLINE", 1.0)
    with _service(workers=0) as (address, _), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = _batches(service=address, epochs=1)

    _assert_same(found, _batches(epochs=1))
    (text,) = {str(one.message) for one in said}
    assert text == (
        f"{address}: step 0 is prepared in this process, as are others that lack, because it did "
        "not come in 1 seconds"
    )


@pytest.mark.scale
def test_dispatcher_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(service, "DEADLINE", 3.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    arguments = ("dispatcher", "--port", port, "--state", str(tmp_path))
    worker = ("worker", "--dispatcher", f"127.0.0.1:{port}")
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore", RuntimeWarning)
        ((first, said),) = stack.enter_context(_servers(arguments))
        stack.enter_context(_servers(worker))
        address = said.removeprefix("dispatcher: ")
        ds = augreg.augment_dataset(SLOW, PREPARE, service=address, **OPTIONS)
        batches = ds.as_numpy_iterator()
        found = [next(batches) for _ in range(3)]
        first.kill()
        first.wait(timeout=60)
        stack.enter_context(_servers(arguments))
        found.extend(batches)

    _assert_same(found, _batches())


# --- refusals


@pytest.mark.parametrize("wrong", ["localhost:5000", "grpc://localhost", "http://h:1", 5])
def test_what_is_no_address_is_refused(wrong):
    with pytest.raises(ServiceError, match=r"is no address of a tf.data service; write it as grpc"):
        _batches(service=wrong)


def test_nobody_at_the_address_is_said_at_once():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    text = (
        rf"grpc://127\.0\.0\.1:{port}: nobody answers \(Connection refused\); start the dispatcher "
        rf"with 'augreg input-server dispatcher --port {port}'"
    )
    with pytest.raises(ServiceError, match=text):
        _batches(service=f"grpc://127.0.0.1:{port}")


def test_train_asks_for_the_service_before_it_writes(tmp_path):
    options = TrainOptions(None, output=tmp_path / "run", input_service="grpc://127.0.0.1:1")
    with pytest.raises(ServiceError, match="nobody answers"):
        train(options)
    assert not (tmp_path / "run").exists()


def test_another_server_at_the_address_is_said_in_time(monkeypatch):
    monkeypatch.setattr(service, "DEADLINE", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ServiceError, match=r"no dispatcher of a tf.data service \(no answer"):
            _batches(service=f"grpc://127.0.0.1:{port}")


def test_service_needs_epochs_and_random_access():
    with pytest.raises(ValueError, match=r"with epochs=None; say how many, as epochs=5"):
        _batches(service="grpc://h:1", epochs=None)
    in_order = tf.data.Dataset.from_tensor_slices(IMAGES).map(lambda image: image)
    with pytest.raises(DataError, match=r"service='grpc://h:1' needs random access, which a Map"):
        _batches(in_order, service="grpc://h:1")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["servant"], '"servant" is no role; allowed are dispatcher and worker'),
        (["worker"], "a worker needs --dispatcher HOST:PORT and takes no --state"),
        (["dispatcher", "--dispatcher", "h:1"], "--dispatcher is for a worker"),
    ],
)
def test_wrong_servers_are_refused(arguments, text):
    result = CliRunner().invoke(app, ["input-server", *arguments])

    assert result.exit_code == 2
    assert text in " ".join(re.sub("[│╭╮╰╯─]", " ", result.output).split())


# --- servers


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="sockets are bound by Linux's means")
def test_servers_are_kept_to_this_machine():
    with warnings.catch_warnings(action="error"):
        server = servers.dispatcher("127.0.0.1", 0, None)
    port, found = int(server.target.rpartition(":")[2]), []
    for number in servers._listening():
        with socket.socket(fileno=os.dup(number)) as one:
            if one.getsockname()[1] == port:
                found.append(one.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16))
    server._stop()
    assert found and all(device.startswith(b"lo\0") for device in found)


def test_servers_for_others_say_that_nothing_guards_them():
    with pytest.warns(RuntimeWarning, match=r"listens on all interfaces .* without authentication"):
        server = servers.dispatcher("trainer.example", 0, None)
    server._stop()


def test_workers_ask_for_a_dispatcher_that_is_there():
    with pytest.raises(ServiceError, match=r"grpc://127\.0\.0\.1:1: nobody answers"):
        servers.worker("127.0.0.1", 0, "127.0.0.1:1")
