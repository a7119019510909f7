"""`sample`: one sample of training, as an image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from augreg.cli.console import DataDir
from augreg.cli.pictures import Epoch, ImagesArgument, Seed
from augreg.cli.policies import PolicyArgument
from augreg.cli.quiet import quiet_tensorflow
from augreg.files import write_whole


def sample(
    policy: PolicyArgument,
    images: ImagesArgument = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The PNG to write.")] = Path(
        "sample.png"
    ),
    seed: Seed = 0,
    epoch: Epoch = 0,
    index: Annotated[int, typer.Option(min=0, help="Which of the images, from 0.")] = 0,
    data_dir: DataDir = None,
) -> None:
    """Writes one sample as a PNG: the pixels that training gets, as 8-bit levels.

    `augreg studio` shows the command of each sample. Boxes, masks and keypoints are not drawn.
    """
    if output.suffix.lower() != ".png":
        raise typer.BadParameter(f'"{output}" has to end in .png', param_hint="--output")
    from augreg.annotations.mixing import mixing_steps
    from augreg.images.png import encode_png
    from augreg.policy import load_policy
    from augreg.studio.images.pictures import Pictures
    from augreg.studio.samples.renderer import Renderer

    loaded = load_policy(policy)
    if mixed := mixing_steps(loaded):
        raise typer.BadParameter(
            f'"{mixed[0].op.name}" mixes the images of a batch, so no sample is made of one image '
            "alone; use augreg preview",
            param_hint="POLICY",
        )
    with quiet_tensorflow():
        photo = Pictures(images or (), data_dir).photo(index)
        renderer = Renderer()
        renderer.wait()
        made = renderer.samples(loaded, [photo], [(seed, epoch, index)])
    write_whole(output, encode_png(made[0].pixels))
    print(f"wrote {output}")
