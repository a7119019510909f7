"""Processes that train together on Keras's JAX backend, each on its part of every batch."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jax", reason="JAX isn't installed; `make test-scale` installs it")
_TRAINER = Path(__file__).with_name("jax_trainer.py")


def _train(count: int) -> list[dict]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, str(_TRAINER)]
    started = [
        subprocess.Popen([*command, str(i), str(count), address], stdout=subprocess.PIPE, text=True)
        for i in range(count)
    ]
    try:
        said = [process.communicate(timeout=240)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0] * count
    return [json.loads(text.splitlines()[-1]) for text in said]


@pytest.mark.scale
def test_two_processes_train_as_one():
    (alone,) = _train(1)
    first, second = _train(2)

    assert first == second
    assert (alone["rows"], first["rows"]) == (32, 16)
    assert alone["steps"] == first["steps"] == 3
    np.testing.assert_allclose(first["losses"], alone["losses"], rtol=1e-4)
