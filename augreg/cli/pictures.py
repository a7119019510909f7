"""Pictures from policies: `preview`, `apply`, `merge` and `replay`."""

from __future__ import annotations

import io
import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from augreg.cli.console import IN_PART, BadAnnotations, DataDir, progress, say
from augreg.cli.policies import PolicyArgument
from augreg.cli.quiet import quiet_tensorflow
from augreg.cli.suggestions import MANIFEST, check_images, check_policy_first, line_of_manifest
from augreg.errors import PolicyError, RunError
from augreg.files import write_whole
from augreg.images import MAX_PIXELS
from augreg.sources import forms, open_source
from augreg.sources.openers import ANNOTATED_FORMS
from augreg.sources.source import CLIP

if TYPE_CHECKING:
    from augreg.apply import Report, Shard
    from augreg.apply.store import Store

LARGEST = 2**32 - 1
Seed = Annotated[int, typer.Option(min=0, max=LARGEST, help="Random seed.")]
Epoch = Annotated[int, typer.Option(min=0, max=LARGEST, help="Epoch of the first copy.")]
ImagesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[IMAGES]...",
        help=f"Folders and files of images, or datasets: {forms()}. "
        "Two bundled photographs by default.",
    ),
]
ListingFile = Annotated[
    Path | None,
    typer.Option("--listing", metavar="FILE", help="Paths of the images in INPUT, one per line."),
]
ShardText = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N", help="Only part I (from 0) of N; see augreg merge."),
]


def preview(
    policy: PolicyArgument,
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[IMAGE]...", help="Image files; two bundled photographs by default."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The PNG to write.")] = Path(
        "preview.png"
    ),
    seed: Seed = 0,
    epoch: Epoch = 0,
    copies: Annotated[int, typer.Option(min=1, max=100, help="Samples of each image.")] = 9,
    each_step: Annotated[
        bool, typer.Option("--each-step", help="Also show each op alone.")
    ] = False,
    annotations: Annotated[
        Path | None,
        typer.Option(help="JSON with boxes, keypoints and masks to draw, by image name."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help=f"Show images of a dataset instead: {forms()}.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="With --data: number of images.")] = 4,
    data_dir: DataDir = None,
    tile: Annotated[
        int,
        typer.Option(
            min=32, max=1024, help="Show images with a longer side than this smaller, in pixels."
        ),
    ] = 224,
) -> None:
    """Draws each image with samples of the policy, as a PNG.

    The values that were drawn are written under each sample. With --data, draws the boxes, masks
    and keypoints of the dataset, too.
    """
    if data is not None and (images or annotations):
        raise typer.BadParameter("takes no IMAGE and no --annotations", param_hint="--data")
    if output.suffix.lower() != ".png":
        raise typer.BadParameter(f'"{output}" has to end in .png', param_hint="--output")
    check_policy_first("preview", policy, images or ())
    check_images(policy, images or ())
    from augreg.annotations.mixing import pastes
    from augreg.policy import load_policy
    from augreg.views.overlay import read_annotations
    from augreg.views.photos import photos_of
    from augreg.views.preview import PreviewOptions
    from augreg.views.preview import preview as draw

    loaded = load_policy(policy)
    parts = read_annotations(annotations) if annotations else {}
    options = PreviewOptions(loaded, images or (), seed, epoch, copies, each_step, parts, tile=tile)
    if data is not None:
        with quiet_tensorflow():
            instances = pastes(loaded)
            source = open_source(data, data_dir=data_dir, verify=False, instances=instances)
            options = replace(options, photos=photos_of(source, limit))
    page = draw(options)
    contents = io.BytesIO()
    page.save(contents, "PNG")
    write_whole(output, contents.getvalue())
    print(f"wrote {output}")


def apply(
    policy: PolicyArgument,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="Folder of images, or s3://BUCKET/PREFIX; with annotations: "
            f"{', '.join(ANNOTATED_FORMS)}.",
        ),
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="Output folder, or s3://BUCKET/PREFIX.")
    ],
    copies: Annotated[int, typer.Option(min=1, help="Copies of each image.")] = 1,
    seed: Seed = 0,
    epoch: Epoch = 0,
    max_pixels: Annotated[
        int, typer.Option(min=1, help="Skip images with more pixels.")
    ] = MAX_PIXELS,
    listing: ListingFile = None,
    shard: ShardText = None,
    form: Annotated[
        str, typer.Option("--format", help="files, or tfds: records of a TFDS dataset.")
    ] = "files",
    encoding: Annotated[
        str,
        typer.Option(
            metavar="NAME[:LEVEL]",
            help="png, png:0 to png:9 (zlib's levels), jpeg:1 to jpeg:100.",
        ),
    ] = "png",
    annotations: Annotated[
        str,
        typer.Option(
            help="Format of the annotations: coco, yolo, yolo-obb, voc, masks; as INPUT's."
        ),
    ] = "",
    bad_annotations: BadAnnotations = CLIP,
) -> None:
    """Augments a folder of images into files or a TFDS dataset, and a manifest.

    Boxes, masks and keypoints of an annotated dataset move with its images.

    Copy c of image i is the sample (epoch + c, index i). The same command continues a run that was
    stopped. Images that can't be read are skipped and listed; the exit code is then 4.
    """
    check_policy_first("apply", policy, (source, output))
    part = _shard(shard)
    from augreg.apply import ApplyOptions, Encoding, Report, apply_folder
    from augreg.policy import load_policy

    options = ApplyOptions(
        load_policy(policy),
        source,
        output,
        copies,
        seed,
        epoch,
        max_pixels,
        listing,
        part,
        form,
        Encoding.parse(encoding),
        annotations,
        bad_annotations,
    )
    report = Report()
    try:
        with quiet_tensorflow(), progress() as bar:
            task = bar.add_task("apply", total=None)
            apply_folder(options, report, lambda: bar.update(task, total=report.total, advance=1))
    except BaseException as error:
        _say_kept(report, options.output, error)
        raise
    _say_done(report, options.output, part)
    if report.skipped or report.bad_annotations:
        raise typer.Exit(IN_PART)


def merge(
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="Output folder of the shards.")],
) -> None:
    """Merges the shards of `apply --shard` into the files that one run would have made.

    Checks every output. Shards that are not done are listed, each with the command that finishes
    it; the exit code is then 1. It is 4 if images were skipped.
    """
    from augreg.apply import Merged
    from augreg.apply import merge as join
    from augreg.apply.store import place_of

    report, place = Merged(), place_of(output)
    with progress() as bar:
        task = bar.add_task("merge", total=None)
        join(place, report, lambda: bar.update(task, total=report.total, advance=1))
    if not report.shards:
        print(f"nothing to merge: {place} is one run's, or was merged before")
        return
    made = f"{report.made} of {report.total} outputs"
    print(f"merged {report.shards} shards: {made}; {place / MANIFEST}")
    _say_skipped(report.skipped.values(), report.images)
    if report.skipped:
        raise typer.Exit(IN_PART)


def replay(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="manifest.jsonl of a run.")],
    number: Annotated[str | None, typer.Argument(metavar="N", help="Line number, from 1.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the image to this file.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--input", help="Folder of images, if they were moved.")
    ] = None,
) -> None:
    """Reproduces one output of `apply` byte for byte, and checks it against the manifest."""
    place = line_of_manifest(manifest, number)
    from augreg.apply import replay as again

    with quiet_tensorflow():
        made = again(manifest, place, source)
    line = made.line
    if output is not None:
        write_whole(output, made.contents)
    draws = f"seed {line.seed}, epoch {line.epoch}, index {line.index}"
    print(f"{manifest}:{place}: reproduced byte for byte: {line.output} ({draws})")
    print(json.dumps(line.drawn))


def _shard(text: str | None) -> Shard | None:
    if text is None:
        return None
    from augreg.apply.shard import Shard

    try:
        return Shard.parse(text)
    except RunError as error:
        raise typer.BadParameter(str(error), param_hint="--shard") from None


def _say_done(report: Report, output: Path | Store, shard: Shard | None) -> None:
    earlier = f", {report.kept} were there" if report.kept else ""
    made = f"made {report.made} of {report.total} outputs{earlier}"
    if shard:
        print(f"shard {shard}: {made}; when all shards are done: augreg merge {output}")
    else:
        print(f"{made}; {output / MANIFEST}")
    for note, names in report.notes.items():
        count = f"{len(names)} image{'s' * (len(names) > 1)}"
        say(f"{note} in {count} (first: {names[0]})")
    _say_skipped(report.skipped.values(), report.images)
    if report.bad_annotations:
        say(f"{len(report.bad_annotations)} wrong annotations:")
        for bad in report.bad_annotations:
            say(f"  {bad}")


def _say_skipped(reasons: Collection[object], images: int) -> None:
    if reasons:
        say(f"skipped {len(reasons)} of {images} images:")
        for reason in reasons:
            say(f"  {reason}")


def _say_kept(report: Report, output: Path | Store, error: BaseException) -> None:
    """After a stop or a failure in the middle: what is there, and how to go on."""
    if report.started and not isinstance(error, PolicyError):
        done = report.made + report.kept
        say(
            f"stopped: {done} of {report.total} outputs are whole in {output}; "
            "run the same command to continue"
        )
