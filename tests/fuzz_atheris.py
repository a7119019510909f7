"""Hostile policies, guided by coverage: `make fuzz` runs this where atheris is installed.

atheris puts counters into augreg's and jsonschema's bytecode and keeps the inputs that reach
something new, so it finds its own way behind the checks that come first. It is no dependency of
the project, because it has wheels for few machines, and CI does not run it: a run on two
machines finds different things.

    python tests/fuzz_atheris.py -max_total_time=300

The arguments are libFuzzer's. An input that breaks the promise (another exception than
`PolicyError`, or more than a second) is written to a file named crash-... and ends the run.
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
import time
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["augreg", "augreg_ops", "jsonschema"]):
    from augreg.errors import PolicyError
    from augreg.plan import plan
    from augreg.plugin.registry import default_registry
    from augreg.policy import PolicyWarning, load_policy
    from augreg.policy.schema import GROUPS

    load_policy({"version": 1, "augment": [{"op": "flip"}]})  # imports the ops and jsonschema

SLOWEST = 1.0  # seconds of this thread; a collection or a page fault is no fault of the input's
LONGEST = 4096  # bytes: large files are what test_fuzz tries
SIZES = ((None, None), (24, 32))
READY = Path(__file__).parents[1] / "policies"
FILE = Path(tempfile.mkdtemp()) / "p.json"


def one_input(contents: bytes) -> None:
    """Loads and plans the bytes as a policy; raises what is no `PolicyError`."""
    FILE.write_bytes(contents)
    begun = time.thread_time()
    try:
        policy = load_policy(FILE)
        for size in SIZES:
            for training in (True, False):
                plan(policy, training=training, size=size)
    except PolicyError as error:
        if str(FILE) not in str(error) or not error.message:
            raise RuntimeError(f"this says too little: {error}") from error
    seconds = time.thread_time() - begun
    assert seconds < SLOWEST, f"{seconds:.2f} s"


TOKEN = re.compile(rb'"[^"]*"|-?[0-9.]+|[{}\[\],]')


def mutate(contents: bytes, longest: int, seed: int) -> bytes:
    """One to three tokens become other words, mostly: bytes changed at random are seldom JSON."""
    chance = random.Random(seed)
    if chance.random() < 0.3:
        return bytes(atheris.Mutate(contents, len(contents) + 64))[:longest]
    for _ in range(chance.randrange(1, 4)):
        found = list(TOKEN.finditer(contents))
        if not found:
            break
        one, other = chance.choice(found), chance.choice(found)
        new = chance.choice((chance.choice(WORDS), other.group(), b"", one.group() + other.group()))
        contents = contents[: one.start()] + new + contents[one.end() :]
    return contents[:longest]


def seeds() -> str:
    """A folder of inputs to begin with: the ready policies, and each op's example."""
    folder = Path(tempfile.mkdtemp())
    for path in READY.glob("*.json"):
        if path.name != "policy.schema.json":
            (folder / path.name).write_bytes(path.read_bytes())
    for number, op in enumerate(default_registry().ops.values()):
        policy = {"version": 1, "augment": [{"op": op.name, **op.example, "p": 0.5}]}
        (folder / f"op{number}.json").write_text(json.dumps(policy))
    return str(folder)


def words() -> list[bytes]:
    """What means something in a policy, as JSON."""
    ops = default_registry()
    found = {*GROUPS, *ops.steps, "op", "p", "id", "n", "weights", "replace", "version", "name"}
    found |= {"prepare", "augment", "output", "train", "eval", "choice", "normal", "log_uniform"}
    found |= {"min", "max", "schedule", "range", "dtype", "normalize", "mean", "std", "$schema"}
    found |= {name for op in ops.ops.values() for name in op.settable}
    numbers = ("0", "1", "-1", "0.5", "1.5", "1e30", "1e999", "NaN", "true", "null", "4294967296")
    parts = ("[0, 1]", "[]", "{}", '"\\ud800"', '{"choice": [1, 2]}', '{"op": "flip"},')
    return [
        *(json.dumps(word).encode() for word in sorted(found)),
        *map(str.encode, numbers + parts),
    ]


WORDS = words()

if __name__ == "__main__":
    warnings.simplefilter("ignore", PolicyWarning)
    options = [f"-max_len={LONGEST}", "-timeout=10", "-print_final_stats=1"]
    arguments = [sys.argv[0], *options, *sys.argv[1:], seeds()]
    atheris.Setup(arguments, one_input, custom_mutator=mutate)
    atheris.Fuzz()
