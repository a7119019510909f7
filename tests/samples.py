"""Images and policies that several test modules use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import augreg
from augreg.checks import sample_key
from augreg.cli import main
from augreg.lower.sampled import Drawn, values_of
from augreg.plan import Plan
from augreg.plugin.registry import Registry, build
from augreg.policy import Policy


def policy(*steps: Any, registry: Registry | None = None, **rest: Any) -> Policy:
    """A policy whose `augment` is `steps`."""
    return augreg.load_policy({"version": 1, "augment": list(steps), **rest}, registry=registry)


def drawn_values(planned: Plan, seed: int, epoch: int, index: int) -> Drawn:
    """What one sample draws that takes effect; see `values_of`."""
    return values_of(planned.policy, sample_key(seed, epoch, [index]), {})[0]


def noise(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
    """uint8, every value as likely as another: the hardest to resample alike."""
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def smooth(batch: int, height: int, width: int, channels: int = 3) -> NDArray[np.float32]:
    """float32 [B,H,W,C] in 0..1 whose neighbours differ by little."""
    b, y, x, c = np.ogrid[:batch, :height, :width, :channels]
    wave = np.sin(3 * y / height + c + b) * np.cos(2 * x / width + b)
    return np.broadcast_to(0.5 + 0.4 * wave, (batch, height, width, channels)).astype(np.float32)


class EntryPoint:
    """An entry point that was never installed: `load` returns `module`, or raises it."""

    def __init__(
        self, name: str, module: Any, distribution: str = "", version: str = "1.0"
    ) -> None:
        self.name, self.module = name, module
        self.dist = type("Dist", (), {"name": distribution or name, "version": version})

    def load(self) -> Any:
        if isinstance(self.module, BaseException):
            raise self.module
        return self.module


class Plugin:
    """A plugin's module: what `register_ops` returns, and the API it was written for."""

    def __init__(self, *ops: Any, api: int | None = None) -> None:
        self.ops = list(ops)
        if api is not None:
            self.AUGREG_API = api

    @augreg.hookimpl
    def register_ops(self) -> list[augreg.Op]:
        return self.ops


def with_plugins(*points: EntryPoint) -> Registry:
    """The first-party ops and those of `points`."""
    from importlib.metadata import entry_points

    first = [p for p in entry_points(group="augreg") if p.dist and p.dist.name == "augreg"]
    return build([first[0], *points])


def with_ops(*ops: augreg.Op) -> Registry:
    """The first-party ops and `ops`, as a plugin "acme" ships them."""
    return with_plugins(EntryPoint("acme", Plugin(*ops), "acme-ops", "2.5"))


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """The exit code, stdout and stderr of a command."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def graph_of(ds: Any) -> Any:
    """The graph of a tf.data dataset, with the functions that it calls: a GraphDef."""
    from tensorflow.core.framework import graph_pb2

    return graph_pb2.GraphDef.FromString(ds._as_serialized_graph().numpy())
