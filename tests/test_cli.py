"""The command line: what each command says, its exit codes, and what it must not import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augreg.train
from augreg.cli import main
from augreg.errors import RunError
from augreg.policy import find_policy, ready_policies

SAMPLE = Path(__file__).parents[2] / "shared/data/tf_flowers_sample"
ROOT = Path(__file__).parents[1]


def command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command; gives its exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = command(*arguments)
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def policy(text: Any, name: str = "p.json") -> Path:
        path = tmp_path / name
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return path

    return policy


# --- catalogue ------------------------------------------------------------------------------------


def test_version_is_the_packages(said: Any) -> None:
    assert said("--version") == (0, f"augreg {augreg.__version__}\n", "")


def test_help_lists_every_command(said: Any) -> None:
    code, out, _ = said("--help")
    assert code == 0
    names = (
        "validate explain expand import preview sample apply merge replay train ops plugins schema"
    )
    for name in (*names.split(), "evaluate", "new-plugin"):
        assert f" {name} " in out


def test_ops_lists_every_registered_op_and_macro(said: Any) -> None:
    from augreg.plugin.registry import default_registry

    registry = default_registry()
    code, out, _ = said("ops", "--json")
    found = json.loads(out)
    assert code == 0
    assert [op["name"] for op in found] == sorted([*registry.ops, *registry.macros])
    assert {op["name"] for op in found if op["kind"] == "macro"} == set(registry.macros)
    _, table, _ = said("ops")
    rows = [line.split() for line in table.splitlines()]
    assert all([op["name"], op["kind"]] in [row[:2] for row in rows] for op in found)


def test_macro_is_shown_as_one_with_its_paper_and_how_to_see_its_steps(said: Any) -> None:
    code, out, _ = said("ops", "rand_augment")
    assert code == 0
    assert out.startswith("rand_augment (macro, version 1, from augreg")
    assert "https://arxiv.org/abs/1909.13719" in out and "augreg expand" in out
    assert '"id"' not in out and "static integer" in out
    entry = json.loads(said("ops", "rand_augment", "--json")[1])
    assert (entry["kind"], entry["parameters"]["n"]["default"]) == ("macro", 2)


def test_op_shows_parameters_ranges_defaults_and_an_example_that_loads(said: Any) -> None:
    code, out, _ = said("ops", "zoom")
    assert code == 0
    for words in ("drawn number", "0.05 to 20.0", "required", "not used", '"reflect", "nearest"'):
        assert words in out
    for op in json.loads(said("ops", "--json")[1]):
        augreg.load_policy({"version": 1, "augment": [op["example"]]})
        assert said("ops", op["name"])[0] == 0


def test_unknown_op_is_a_failure_with_a_suggestion(said: Any) -> None:
    code, out, error = said("ops", "rotat")
    assert (code, out) == (1, "")
    assert error == 'augreg: unknown op "rotat" (did you mean "rotate"?)\n'


def test_plugins_shows_wheel_version_and_state(said: Any) -> None:
    code, out, _ = said("plugins", "--json")
    assert code == 0
    ours = next(plugin for plugin in json.loads(out) if plugin["name"] == "augreg_ops")
    assert (ours["distribution"], ours["state"]) == ("augreg", "ready")
    assert "rotate" in ours["ops"]
    assert "ready" in said("plugins")[1]


def test_failed_plugin_is_listed_with_its_error(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from augreg.plugin import registry

    broken = registry.Plugin("acme", "acme-ops", "2.0", "failed", (), "ImportError: no [acme]")
    found = registry.Registry({}, (broken,))
    monkeypatch.setattr(registry, "default_registry", lambda: found)
    _, out, _ = said("plugins")
    assert "acme-ops" in out and "failed" in out and "no [acme]" in " ".join(out.split())


def test_schema_is_written_as_it_is_printed(said: Any, tmp_path: Path) -> None:
    _, out, _ = said("schema")
    assert said("schema", "--output", tmp_path / "s.json")[0] == 0
    assert (tmp_path / "s.json").read_text() == out
    assert json.loads(out)["title"] == "augreg policy"


# --- policies -------------------------------------------------------------------------------------


def test_valid_policies_are_named_one_by_one(said: Any) -> None:
    code, out, error = said("validate", "flowers", ready_policies() / "digits.json")
    assert (code, error) == (0, "")
    assert [line.partition(": valid")[1] for line in out.splitlines()] == [": valid"] * 2


def test_invalid_policy_is_one_line_with_its_place_and_exit_3(said: Any, write: Any) -> None:
    path = write('{\n "version": 1,\n "augment": [{"op": "rotate", "degrees": 900}]\n}')
    code, _, error = said("validate", path)
    assert code == 3
    assert error == (
        f"augreg: {path}:3:42 /augment/0/degrees: "
        '900 is above 360.0, the most that "rotate" takes\n'
    )


def test_every_file_is_checked_also_after_a_bad_one(said: Any, write: Any) -> None:
    code, out, error = said("validate", write("{"), "flowers", write("[]", "q.json"))
    assert code == 3
    assert out.count(": valid") == 1
    assert len(error.splitlines()) == 2


def test_validate_says_what_it_could_not_check_without_a_size(said: Any, write: Any) -> None:
    crop = {"op": "crop", "height": 64, "width": 64}
    path = write({"version": 1, "augment": [{"op": "flip"}, {"one_of": [crop, crop]}]})

    out = said("validate", path)[1]
    assert out.splitlines()[1:] == [
        f'  /augment/1/one_of/{i}: "crop" does not work at every size; '
        "check with --size HEIGHTxWIDTH"
        for i in (0, 1)
    ]
    assert len(said("validate", path, "--size", "64x64")[1].splitlines()) == 1
    assert len(said("validate", "flowers")[1].splitlines()) == 1


def test_validate_plans_at_the_size_that_is_given(said: Any, write: Any) -> None:
    path = write({"version": 1, "augment": [{"op": "crop", "height": 64, "width": 8}]})
    assert said("validate", path)[0] == 0
    code, _, error = said("validate", path, "--size", "32x32")
    assert code == 3
    assert "/augment/0/height: a crop height of 64 is larger" in error


def test_step_that_can_never_work_is_refused_without_a_size(said: Any, write: Any) -> None:
    step = {"op": "resize", "height": 8, "width": 8, "p": 0.5}
    code, _, error = said("validate", write({"version": 1, "prepare": [step]}))
    assert code == 3
    assert '/prepare/0: "resize" may change the size' in error


@pytest.mark.parametrize("name", ["flower", "nothing/like.json"])
def test_policy_that_is_not_there_names_the_ready_ones(said: Any, name: str) -> None:
    code, _, error = said("explain", name)
    assert code == 3
    assert f"augreg: {name}: no such file" in error and "tutorial_keras" in error
    assert ('did you mean "flowers"' in error) == (name == "flower")


def test_file_beats_the_ready_policy_of_its_name(
    said: Any, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write({"version": 1, "name": "mine", "augment": [{"op": "flip"}]}, "flowers")
    monkeypatch.chdir(path.parent)
    assert "mine" in said("validate", "flowers")[1]


@pytest.mark.parametrize("name", ["flowers", "imagenet"])
def test_explain_shows_stages_passes_and_draws(said: Any, name: str) -> None:
    code, out, error = said("explain", name)
    assert (code, error) == (0, "")
    for words in ("starts here:", "Passes", "one colour matrix with", "Draws of each sample"):
        assert words in out


def test_explain_as_json_with_size_and_evaluation(said: Any) -> None:
    code, out, _ = said("explain", "imagenet", "--json", "--eval", "--size", "300x400")
    found = json.loads(out)
    assert code == 0
    assert (found["mode"], found["size_in"], found["size_out"]) == (
        "evaluation",
        "300x400",
        "224x224",
    )


AUTOMATIC = [
    *({"op": "auto_augment", "dataset": name} for name in ("imagenet", "cifar10", "svhn")),
    {"op": "rand_augment", "n": 2, "magnitude": 9},
    {"op": "trivial_augment_wide", "fill": "constant", "fill_value": [0.1, 0.2, 0.3]},
    {"op": "aug_mix", "p": 0.75},
    {"op": "color_jitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1},
]


@pytest.mark.parametrize("step", AUTOMATIC, ids=lambda s: s.get("dataset", s["op"]))
def test_expanded_policy_is_one_without_macros_that_gives_the_same_pixels(
    said: Any, write: Any, tmp_path: Path, step: dict[str, Any]
) -> None:
    flip = {"op": "flip", "p": 0.5}  # its draws hang on its place, which has to stay
    path = write({"version": 1, "augment": [step, {"one_of": [step, {"op": "clip"}]}, flip]})
    output = tmp_path / "plain.json"
    code, out, error = said("expand", path)
    assert (code, error) == (0, "")
    assert said("expand", path, "--output", output) == (0, "", "")
    assert output.read_text() == out and f'"{step["op"]}"' not in out
    assert max(map(len, out.splitlines())) <= 100
    code, checked, _ = said("validate", path, output, "--size", "24x20")
    hashes = [line.split()[-1] for line in checked.splitlines()]
    assert code == 0 and hashes[0] == hashes[1]

    images = np.random.default_rng(3).integers(0, 256, (12, 24, 20, 3), np.uint8)
    one, other = (augreg.augment(images, p, seed=7, index=range(90, 102)) for p in (path, output))
    np.testing.assert_array_equal(one, other)
    assert not np.allclose(one, images / 255, atol=0.01)


def test_expanding_a_policy_without_macros_changes_nothing(said: Any) -> None:
    _, out, _ = said("expand", "imagenet")
    assert json.loads(out) == json.loads(find_policy("imagenet").read_text())


def test_expanding_a_wrong_policy_exits_3_and_writes_nothing(
    said: Any, write: Any, tmp_path: Path
) -> None:
    path = write({"version": 1, "augment": [{"op": "rand_augment", "n": 99}]})
    code, out, error = said("expand", path, "-o", tmp_path / "x.json")
    assert (code, out) == (3, "") and "/augment/0/n: 99 is above 16" in error
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "flowers", "--size", "12"),
        ("explain", "flowers", "--size", "0x4"),
        ("explain",),
        ("nonsense",),
        ("preview", "flowers", "--copies", "0"),
        ("preview", "flowers", "--output", "picture.jpg"),
        ("apply", "flowers"),
        ("apply", "flowers", "a", "b", "--seed", "-1"),
        ("train", "digits", "--placement", "elsewhere"),
    ],
)
def test_wrong_usage_exits_2(said: Any, arguments: tuple[str, ...]) -> None:
    assert said(*arguments)[0] == 2


# --- files and training ---------------------------------------------------------------------------


def test_preview_writes_a_png_and_nothing_else(said: Any, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "x.png")
    output = tmp_path / "new/preview.png"
    code, out, _ = said("preview", "flowers", tmp_path / "x.png", "--output", output)
    assert (code, out) == (0, f"wrote {output}\n")
    with Image.open(output) as picture:
        assert picture.format == "PNG"
    assert [path.name for path in output.parent.iterdir()] == ["preview.png"]


def test_missing_image_is_a_failure_without_traceback(said: Any, tmp_path: Path) -> None:
    code, _, error = said("preview", "flowers", tmp_path / "x.png", "-o", tmp_path / "p.png")
    assert code == 1
    assert error == f"augreg: {tmp_path / 'x.png'}: can't be read: No such file or directory\n"
    assert list(tmp_path.iterdir()) == []


def test_failure_of_the_system_is_one_line(said: Any, tmp_path: Path) -> None:
    code, _, error = said("replay", tmp_path / "none.jsonl", 1)
    assert (code, error) == (1, f"augreg: {tmp_path / 'none.jsonl'}: No such file or directory\n")


def test_train_hands_its_options_on(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setitem(vars(augreg.train), "train", seen.append)  # it loads on first use
    arguments = "train digits --placement model --epochs 2 --batch-size 8 --seed 7 --size 12x14"
    code, _, _ = said(
        *arguments.split(), "--output", "runs/x", "--resume", "--max-bad", "0.5", "--no-augment"
    )
    assert code == 0
    (options,) = seen
    assert Path(options.policy) == ready_policies() / "digits.json"
    found = (options.placement, options.epochs, options.batch_size, options.seed, options.size)
    assert found == ("model", 2, 8, 7, (12, 14))
    assert (options.output, options.resume, options.max_bad) == (Path("runs/x"), True, 0.5)
    assert options.augment is False


def test_stopped_training_says_what_is_kept(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from augreg.train.signals import Interrupted

    def stopped(options: Any) -> None:
        raise Interrupted(15, "checkpoint 3 is kept")

    monkeypatch.setitem(vars(augreg.train), "train", stopped)
    code, _, error = said("train", "digits")
    assert (code, error) == (143, "stopped by SIGTERM; checkpoint 3 is kept\n")


def test_failed_run_exits_1(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(options: Any) -> None:
        raise RunError("runs/x: there is another run in it")

    monkeypatch.setitem(vars(augreg.train), "train", failing)
    assert said("train", "digits") == (1, "", "augreg: runs/x: there is another run in it\n")


def test_data_set_is_surveyed(said: Any, write: Any) -> None:
    path = write(
        {
            "version": 1,
            "augment": [
                {"op": "zoom", "factor": 0.5, "fill": "constant"},
                {"one_of": [{"op": "invert"}, {"op": "invert"}]},
                {"op": "brightness", "delta": 1},
            ],
        }
    )
    code, out, _ = said("validate", path, "--data", "digits", "--limit", "4")
    assert code == 0
    assert "digits: 1797 images, none bad" in out and "sizes: 8x8 (1797)" in out
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if "/augment" in line}
    assert rows["/augment/0"] == ["zoom", "0.00%", "75.00%"]
    assert rows["/augment/1/one_of/0"] == ["invert", "0.00%", "0.00%"]
    assert rows["/augment/1/one_of/1"] == ["invert", "0.00%", "0.00%"]
    assert rows["/augment/2"][0] == "brightness"
    assert float(rows["/augment/2"][1].rstrip("%")) > 50


def test_bad_files_of_a_data_set_are_listed_with_exit_4(
    said: Any, write: Any, tmp_path: Path
) -> None:
    for split in ("train", "validation", "test"):
        for label in ("cat", "dog"):
            for i in range(2):
                path = tmp_path / "data" / split / label / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (8 + i, 6)).save(path)
    (tmp_path / "data/train/cat/page.jpg").write_text("<html>")
    path = write({"version": 1, "augment": [{"op": "flip"}]})
    code, out, error = said("validate", path, "--data", f"folder:{tmp_path / 'data'}")
    assert code == 4
    assert "12 images, 1 bad" in out and "6x8 (6), 6x9 (6)" in out
    assert "page.jpg: this is an HTML page" in error


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the shared tf_flowers sample is not here")
def test_preview_of_real_photographs_in_each_step(said: Any, tmp_path: Path) -> None:
    photos = sorted(SAMPLE.glob("test/*/*.jpg"))[:2]
    code, _, error = said("preview", "flowers", *photos, "-o", tmp_path / "p.png", "--each-step")
    assert (code, error) == (0, "")
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.height > 2000


# --- processes ------------------------------------------------------------------------------------


def process(script: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(script, shell=True, text=True, capture_output=True, cwd=ROOT, **more)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["ops"],
        ["schema"],
        ["plugins"],
        ["validate", "flowers"],
        ["import", "tests/data/pipelines/basic.json"],
        ["explain", "flowers"],
        ["train", "--help"],
    ],
    ids=" ".join,
)
def test_quick_commands_import_no_tensorflow(arguments: list[str]) -> None:
    script = (
        "import sys\nfrom augreg.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", ["schema", "ops --json", "ops"])
def test_reader_that_leaves_early_is_no_error(arguments: str) -> None:
    done = process(
        f"set -o pipefail; {sys.executable} -m augreg {arguments} | true", executable="/bin/bash"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_policy_mistake_gives_no_traceback_and_exit_3() -> None:
    done = process(f"{sys.executable} -m augreg validate no-such.json")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 1


def test_policy_without_steps_warns_in_one_plain_line(write: Any) -> None:
    path = write({"version": 1})
    done = process(f"{sys.executable} -m augreg validate {path}")
    assert done.returncode == 0
    assert done.stderr == f"warning: {path}: the policy has no steps\n"


def test_garbage_is_not_looked_for_in_what_a_command_imports() -> None:
    script = (
        "import gc, sys\nfrom augreg.cli.quiet import quiet_tensorflow\n"
        "with quiet_tensorflow():\n"
        "  assert gc.isenabled()\n"
        "  assert 'tensorflow' in sys.modules\n"
        "  assert len(gc.get_objects()) < 100_000 < gc.get_freeze_count()\n"
    )
    done = process(f'{sys.executable} -c "{script}"')
    assert done.returncode == 0, done.stderr


def test_chatter_of_tensorflow_is_kept_from_stderr_and_the_rest_is_not(tmp_path: Path) -> None:
    script = (
        "import os, sys\nfrom augreg.cli.quiet import quiet_tensorflow\n"
        "sys.modules['tensorflow'] = sys  # which would add what it says\n"
        "with quiet_tensorflow():\n"
        "  os.write(2, b'I0000 00:00:1795468834.04 865 port.cc:153] oneDNN\\nreal trouble\\n')\n"
        "  os.write(2, b'2026-01-02 03:04:05.6: I x/port.cc:153] oneDNN on\\n')\n"
        "  os.write(2, b'2026-01-02 03:04:05.6: E x/cuda_dnn.cc:9] Unable to register cuDNN\\n')\n"
        "  os.write(2, b'E0000 00:00:1795468834.04 8 cuda_driver.cc:2] failed call to cuInit\\n')\n"
        "  os.write(2, b'E0000 00:00:1795468834.04 8 meta_optimizer.cc:9] layout failed\\n')\n"
        "  os.write(2, b'E0000 00:00:1795468834.04 8 jpeg_mem.cc:3] Premature end of JPEG\\n')\n"
        "  os.write(2, b'E0000 00:00:1.4 8 t.cc:9] no tensorflow.XlaSerializedCacheEntry\\n')\n"
        "  os.write(2, b'E0000 00:00:1.4 8 l.cc:9] Target machine feature +prefer-no-x\\n')\n"
        "  os.write(2, b'2026-01-02 03:04:05.6: E x/other.cc:9] it matters\\n')\n"
        "  print('from Python', file=sys.stderr)\n"
        "print('after', file=sys.stderr)\n"
    )
    plain = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, env=plain
    )
    matters = "2026-01-02 03:04:05.6: E x/other.cc:9] it matters"
    assert sorted(done.stderr.splitlines()) == [matters, "after", "from Python", "real trouble"]
    shown = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**plain, "TF_CPP_MIN_LOG_LEVEL": "0"},
    )
    assert "oneDNN" in shown.stderr
