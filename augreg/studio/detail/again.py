"""How a sample is made again outside of the studio."""

from __future__ import annotations

import shlex

from augreg.annotations.mixing import mixing_steps
from augreg.studio.link import fits
from augreg.studio.samples.batches import Key
from augreg.studio.session import Session

_PYTHON = """\
import augreg
import numpy as np
from PIL import Image, ImageOps

image = np.asarray(ImageOps.exif_transpose(Image.open({path!r})).convert("RGB"))
sample = augreg.augment(image, {file!r}, seed={seed}, index=[{index}], epoch={epoch})
"""


def command(session: Session, key: Key) -> str:
    """The command that writes the sample to sample.png, without annotations.

    Empty where the policy mixes images: then no command makes a single sample.
    """
    if _mixes(session):
        return ""
    seed, epoch, index = key
    given = ("augreg", "sample", session.file, *session.pictures.given)
    keyed = f"--seed {seed} --epoch {epoch} --index {index} -o sample.png"
    return f"{shlex.join(given)} {keyed}"


def python(session: Session, key: Key) -> str:
    """Python that makes the sample, in the dtype and range of the policy's output.

    Empty where the policy mixes images, and where the image is no file.
    """
    seed, epoch, index = key
    path = session.pictures.path(index)
    if path is None or _mixes(session):
        return ""
    said = {"seed": seed, "epoch": epoch, "index": index}
    return _PYTHON.format(path=str(path), file=session.file, **said)


def caution(session: Session) -> str:
    """What link, command and code leave out; empty where they give the sample."""
    said = []
    if _mixes(session):
        said.append("The policy mixes images: a sample depends on the others that are shown.")
    elif session.text != session.saved:
        said.append("The text has changes that are not saved: command and Python read the file.")
    if not fits(session.text):
        said.append("The text is too long for a link, which opens the file.")
    return " ".join(said)


def _mixes(session: Session) -> bool:
    return session.policy is not None and bool(mixing_steps(session.policy))
