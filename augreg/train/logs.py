"""Logs of a run for TensorBoard.

They are written by TensorFlow alone, so TensorBoard is needed to look at them only.
https://github.com/tensorflow/tensorboard/blob/master/tensorboard/plugins/scalar/metadata.py
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

FOLDER = "logs"
_SCALARS, _TEXTS = 1, 2  # DataClass in TensorFlow's summary.proto
_ONE_SPLIT = ("learning_rate", "images_per_second")


class Logs:
    """Writes to `output/logs/train` and `output/logs/validation`, whose curves share charts."""

    def __init__(self, output: Path) -> None:
        self._writers = {
            split: tf.summary.create_file_writer(str(output / FOLDER / split))
            for split in ("train", "validation")
        }

    def policy(self, written: Mapping[str, Any]) -> None:
        """Shows the policy as a text."""
        text = json.dumps(written, indent=2, ensure_ascii=False)
        indented = "".join(f"    {line}\n" for line in text.splitlines())  # code, in Markdown
        with self._writers["train"].as_default():
            tf.summary.write("policy", indented, step=0, metadata=_metadata("text", _TEXTS))

    def epoch(self, row: Mapping[str, float]) -> None:
        """Adds a row of the history. A run that is resumed may add one again, with equal values."""
        step = int(row["epoch"])
        for split, prefix in (("train", ""), ("validation", "val_")):
            with self._writers[split].as_default():
                for name in ("loss", "accuracy"):
                    _scalar(name, row[prefix + name], step)
        with self._writers["train"].as_default():
            for name in _ONE_SPLIT:
                _scalar(name, row[name], step)
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


def _scalar(name: str, value: float, step: int) -> None:
    metadata = _metadata("scalars", _SCALARS)
    tf.summary.write(name, tf.constant(value, tf.float32), step, metadata)


def _metadata(plugin: str, data_class: int) -> Any:
    made = tf.compat.v1.SummaryMetadata(data_class=data_class)
    made.plugin_data.plugin_name = plugin
    return made
