"""How a sample is made again outside of the studio."""

from __future__ import annotations

import shlex

from augreg.annotations.mixing import mixing_steps
from augreg.studio.batches import Key
from augreg.studio.session import Session

_PYTHON = """\
import augreg
import numpy as np
from PIL import Image, ImageOps

image = np.asarray(ImageOps.exif_transpose(Image.open({path!r})).convert("RGB"))
sample = augreg.augment(image, {file!r}, seed={seed}, index=[{index}], epoch={epoch})
"""


def command(session: Session, key: Key) -> str:
    """The command that writes the sample to sample.png, without annotations."""
    seed, epoch, index = key
    given = ("augreg", "sample", session.file, *session.pictures.given)
    keyed = f"--seed {seed} --epoch {epoch} --index {index} -o sample.png"
    return f"{shlex.join(given)} {keyed}"


def python(session: Session, key: Key) -> str:
    """Python that makes the sample, in the dtype and range of the policy's output.

    Empty where the image is no file.
    """
    seed, epoch, index = key
    path = session.pictures.path(index)
    if path is None:
        return ""
    said = {"seed": seed, "epoch": epoch, "index": index}
    return _PYTHON.format(path=str(path), file=session.file, **said)


def caution(session: Session) -> str:
    """What the command and the code don't know; empty where they give the sample."""
    if session.policy is not None and mixing_steps(session.policy):
        return "The policy mixes images, so a sample depends on the others in its batch."
    if session.text != session.saved:
        return "The text has changes that are not saved: these read the file."
    return ""
