"""What the documentation shows works: its code runs, its policies load, its commands exist."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import augreg

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def blocks(page, language):
    """(line, text) of each fenced block of a page in a language."""
    text = page.read_text()
    for match in FENCE.finditer(text):
        if match.group(1) == language:
            yield text.count("\n", 0, match.start()) + 2, match.group(2)


def pages_with(language):
    return [page for page in PAGES if next(blocks(page, language), None)]


def name(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", pages_with("python"), ids=name)
def test_python_of_a_page_runs_from_top_to_bottom(page, monkeypatch):
    if page.name == "coming-from-keras.md" and not hasattr(keras.layers, "RandomInvert"):
        pytest.skip(f"compares with layers that Keras {keras.__version__} does not have")
    monkeypatch.chdir(ROOT)  # policies/... is meant from here; no block writes below it
    namespace = {"__name__": "docs"}
    for line, source in blocks(page, "python"):
        exec(compile("\n" * (line - 1) + source, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", pages_with("json"), ids=name)
def test_json_of_a_page_is_a_policy_or_a_step(page):
    for _, text in blocks(page, "json"):
        value = json.loads(text)
        policy = value if "version" in value else {"version": 1, "augment": [value]}
        assert augreg.load_policy(policy).hash


@pytest.mark.parametrize("page", pages_with("console"), ids=name)
def test_commands_of_a_page_exist_with_their_options(page):
    from typer.main import get_command

    from augreg.cli import app

    commands = get_command(app).commands
    for line, text in blocks(page, "console"):
        for words in (shlex.split(x[2:]) for x in text.splitlines() if x.startswith("$ augreg ")):
            assert words[1] in commands, f"{page.name}:{line}: {words}"
            known = {o for p in commands[words[1]].params for o in (*p.opts, *p.secondary_opts)}
            assert {w for w in words if w.startswith("-")} <= known, f"{page.name}:{line}: {words}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_of_a_page_lead_to_files(page):
    for target in LINK.findall(page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target


def test_landing_page_begins_with_a_picture_and_ten_lines_of_python():
    page = ROOT / "docs" / "index.md"
    title, picture, code, *_ = page.read_text().split("\n\n", 3)
    assert title.startswith("# ") and picture.startswith("![") and code.startswith("```python")
    (_, source), *_ = blocks(page, "python")
    assert len(source.splitlines()) <= 10


def test_message_in_the_readme_is_what_augreg_says(tmp_path):
    readme = ROOT / "README.md"
    ((_, policy),) = blocks(readme, "json")
    file = tmp_path / "flowers.json"
    file.write_text(policy.replace("[-30, 30]", "[-400, 30]"))
    with pytest.raises(augreg.PolicyError) as raised:
        augreg.load_policy(file)
    assert str(raised.value).removeprefix(f"{tmp_path}/") in readme.read_text()


def test_message_in_write_a_policy_is_what_augreg_says():
    page = ROOT / "docs" / "write-a-policy.md"
    steps = {"prepare": [{"op": "resize", "height": 64, "width": 64}]}
    steps["augment"] = [{"op": "crop", "height": 100, "width": 64}]
    with pytest.raises(augreg.PolicyError) as raised:
        augreg.AugmentationLayer({"version": 1, **steps}).compute_output_shape((None, 64, 64, 3))
    assert str(raised.value) in page.read_text()


def test_reference_is_current_and_made_without_tensorflow():
    script = ROOT / "docs" / "generate.py"
    code = f"""
import runpy, sys
sys.argv, sys.path[0] = ["generate.py", "--check"], {str(script.parent)!r}
try:
    runpy.run_path({str(script)!r}, run_name="__main__")
except SystemExit as end:
    assert "tensorflow" not in sys.modules
    sys.exit(end.code)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_op_and_macro_is_in_the_reference_with_its_picture():
    text = (ROOT / "docs" / "ops.md").read_text()
    sections = {part.split("\n", 1)[0]: part for part in text.split("\n## ")[1:]}
    assert list(sections) == [op.name for op in augreg_ops()]
    alone = set()
    for op in augreg_ops():
        assert f"](images/ops/{op.name}.jpg)" in sections[op.name]
        if "It has no strength." in sections[op.name]:
            alone.add(op.name)
        else:
            assert len(op.shown) == 3
            assert all(f"`{json.dumps(dict(given))}`" in sections[op.name] for given in op.shown)
    assert alone == {
        *("auto_augment", "autocontrast", "channel_shuffle", "equalize", "flip", "grayscale"),
        *("invert", "median_blur", "transpose", "trivial_augment_wide"),
    }


def test_pictures_stay_small():
    files = list((ROOT / "docs" / "images").rglob("*.*"))
    assert sum(file.stat().st_size for file in files) < 1_700_000


def test_every_function_of_xp_is_in_the_guide():
    from augreg.xp import Namespace

    page = (ROOT / "docs" / "write-an-op.md").read_text()
    names = {n for n in vars(Namespace) if not n.startswith("_")}
    words = {"bitwise_or", "bitwise_xor", "elementwise", "shift_left", "shift_right"}  # for draws
    assert [n for n in sorted(names - words) if f"`{n}`" not in page] == []


def test_every_check_of_an_op_is_in_the_guide():
    from augreg.testing.contract import NAMES

    page = (ROOT / "docs" / "write-an-op.md").read_text()
    rows = re.findall(r"^\| ([\w, -]+) \|", page.split("## Test an op")[1], re.MULTILINE)
    assert [name for row in rows[1:] for name in row.split(", ")] == list(NAMES)


def augreg_ops():
    from augreg.plugin.registry import FIRST_PARTY, default_registry

    registry = default_registry()
    return [o for n, o in registry.steps.items() if registry.owner[n].distribution == FIRST_PARTY]


def test_mistakes_in_write_a_policy_are_what_augreg_says():
    steps = [{"op": "RandomFlip"}, {"op": "zoom", "factor": [2, 1]}]
    with pytest.raises(augreg.PolicyError) as raised:
        augreg.load_policy({"version": 1, "augment": steps})
    assert str(raised.value) in (ROOT / "docs" / "write-a-policy.md").read_text()


def test_hue_is_said_to_be_there():
    page = (ROOT / "docs" / "coming-from-tf-image.md").read_text()
    missing = page.split("Not supported:")[1].split("\n\n")[0]
    assert not [op.name for op in augreg_ops() if op.name in missing and op.name != "rot90"]


def test_every_file_is_named_in_the_architecture_page():
    page = (ROOT / "docs" / "architecture.md").read_text()
    rooms = dict(re.findall(r"^\*\*`([\w/]+)`\*\*: (.*?)(?=\n\n)", page, re.MULTILINE | re.DOTALL))
    found = {}
    for path in (ROOT / "augreg").rglob("*.py"):
        room = str(path.parent.relative_to(ROOT / "augreg"))
        if path.stem.startswith("__"):
            continue
        if room == ".":
            assert f"`{path.stem}`" in page, path
        else:
            found.setdefault(room, set()).add(path.stem)
    for room, names in found.items():
        assert names <= set(re.findall(r"`(\w+)`", rooms[room])), room
    ops = {path.stem for path in (ROOT / "plugins" / "augreg_ops").glob("[!_]*.py")}
    assert ops <= set(re.findall(r"`(\w+)`", rooms["plugins/augreg_ops"]))
    assert not {room for room in rooms if room not in found and not room.startswith("plugins")}


def test_few_lines_ask_a_stage_for_its_class():
    asks = re.compile(r"(case|isinstance)\b.*([A-Z][a-z]+Stage|ColorPart|PixelPart)")
    files = (ROOT / "augreg").rglob("*.py")
    found = [line for path in files for line in path.read_text().splitlines() if asks.search(line)]
    assert 0 < len(found) <= 20, found


def test_every_public_name_is_on_the_api_page():
    page = (ROOT / "docs" / "api.md").read_text()
    names = set(augreg.__all__) - {"__version__"}
    assert {name for name in names if not re.search(rf"\baugreg\.{name}\b", page)} == set()
