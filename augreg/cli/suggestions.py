"""What was meant by arguments in another order, or by too few of them: the command to write."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from typer import BadParameter

from augreg.images.files import is_image, one_line

MANIFEST = "manifest.jsonl"


def check_policy_first(command: str, policy: str, others: Sequence[Path]) -> None:
    """Raises a usage error where POLICY is an image or a folder, or another argument a policy."""
    kind = _kind(policy)
    policies = [other for other in map(str, others) if _is_policy(other)]
    if kind in ("an image", "a folder"):
        rest = [other for other in map(str, others) if other not in policies[:1]]
        first = f"{policy}/*.jpg" if command == "preview" and kind == "a folder" else policy
        meant = _line(command, policies[0] if policies else "flowers", first, *rest)
        raise BadParameter(f"{one_line(policy)} is {kind}; the policy comes first: {meant}")
    if policies:
        found = one_line(policies[0])
        raise BadParameter(
            f"{found} is a policy, and {one_line(policy)} is already given as the policy; "
            f"{command} takes one policy"
        )


def check_images(policy: str, images: Sequence[Path]) -> None:
    """Raises a usage error where an image of `preview` is a folder."""
    for folder in (image for image in images if image.is_dir()):
        meant = _line("preview", policy, f"{folder}/*.jpg")
        raise BadParameter(f"{one_line(folder)} is a folder; name its images: {meant}")


def line_of_manifest(manifest: Path, number: str | None) -> int:
    """N as a number; raises a usage error that says how to write what was meant."""
    if _is_number(str(manifest)) and not manifest.exists():
        other = MANIFEST if number is None or _is_number(number) else number
        raise BadParameter(f"the manifest comes first: {_line('replay', other, str(manifest))}")
    if manifest.is_dir():
        meant = _line("replay", str(manifest / MANIFEST), number or "1")
        raise BadParameter(f"{one_line(manifest)} is a folder; name its manifest: {meant}")
    if manifest.is_file() and is_image(manifest):
        raise BadParameter(f"{one_line(manifest)} is an image; {_of_output(manifest)}")
    if number is None and manifest.exists():
        meant = _line("replay", str(manifest), "1")
        raise BadParameter(f"which of its lines? The first is {meant}")
    if number is None:
        meant = _line("replay", f"out/{MANIFEST}", "1")
        raise BadParameter(
            f"{one_line(manifest)}: no such file; name the manifest of a run, and a line: {meant}"
        )
    if not _is_number(number):
        raise BadParameter(f"{one_line(number)} is not the number of a line, which count from 1")
    return int(number)


def _of_output(image: Path) -> str:
    """The command that makes an output again, where its manifest lies in a folder around it."""
    from augreg.apply.journal import find_line

    for folder in image.absolute().parents:
        if (folder / MANIFEST).is_file():
            number = find_line(folder / MANIFEST, image.absolute().relative_to(folder).as_posix())
            if number is not None:
                return f"its line is {_line('replay', str(folder / MANIFEST), str(number))}"
    return f"name the manifest of its run, and a line: {_line('replay', f'out/{MANIFEST}', '1')}"


def _kind(name: str) -> str:
    path = Path(name)
    if path.is_file():
        return "an image" if is_image(path) else "a file"
    # a ready policy's name goes before a folder of that name
    return "a folder" if path.is_dir() and not _is_policy(name) else ""


def _is_policy(name: str) -> bool:
    from augreg.policy import ready_policies

    path = Path(name)
    if path.is_file():
        return path.suffix.lower() == ".json"
    return name in {ready.stem for ready in ready_policies().glob("*.json")}


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _line(*words: str) -> str:
    return "augreg " + " ".join(
        one_line(word if "*" in word else shlex.quote(word)) for word in words
    )
