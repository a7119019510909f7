"""Inspect policies: `validate`, `explain` and `expand`. No pixel is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from augreg.cli.completion import complete_policy
from augreg.cli.console import (
    IN_PART,
    INVALID_POLICY,
    AsJson,
    BadAnnotations,
    DataDir,
    ManualDir,
    OutputFile,
    complain,
    parse_size,
    print_json,
    print_or_write,
    progress,
    say,
)
from augreg.cli.quiet import quiet_tensorflow
from augreg.errors import PolicyError, joined
from augreg.sources import forms, open_source
from augreg.sources.source import CLIP

if TYPE_CHECKING:
    from augreg.policy import Policy
    from augreg.sources import Source

SizeText = Annotated[str | None, typer.Option(help="Image size, HEIGHTxWIDTH.")]
PolicyArgument = Annotated[
    str,
    typer.Argument(
        metavar="POLICY",
        help="Policy file, or the name of a ready policy.",
        autocompletion=complete_policy,
    ),
]


def validate(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="POLICY...",
            help="Policy files, or names of ready policies.",
            autocompletion=complete_policy,
        ),
    ],
    size: SizeText = None,
    data: Annotated[str | None, typer.Option(help=f"Also read a dataset: {forms()}.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="With --data: number of images to run the steps on.")
    ] = 50,
    data_dir: DataDir = None,
    manual_dir: ManualDir = None,
    bad_annotations: BadAnnotations = CLIP,
) -> None:
    """Validates policies: syntax, ops, parameters, sizes and channels. Reports errors by line.

    Without --size, lists the steps that work at some sizes only.
    With --data, also reads a dataset once, and reports bad files and annotations, sizes, classes,
    value ranges, how often each step of the policy clips or fills, and how many boxes it loses.
    """
    sides = parse_size(size)
    checked, bad = [], 0
    for name in files:
        try:
            checked.append(_checked(name, sides))
        except PolicyError as error:
            bad = complain(error, INVALID_POLICY)
    if bad:
        raise typer.Exit(bad)
    if data is not None:
        with quiet_tensorflow():
            source = open_source(
                data,
                data_dir=data_dir,
                manual_dir=manual_dir,
                max_bad=1.0,
                bad_annotations=bad_annotations,
            )
            clean = [_surveyed(policy, source, limit) for policy in checked]
        if not all(clean):
            raise typer.Exit(IN_PART)


def _surveyed(policy: Policy, source: Source, limit: int) -> bool:
    """Reads a dataset with a policy and prints what it holds; whether all of it is fine."""
    from augreg.cli.tables import print_survey
    from augreg.views.survey import survey

    with progress() as bar:
        task = bar.add_task("reading", total=sum(split.size for split in source.splits.values()))
        made = survey(policy, source, limit, lambda: bar.advance(task))
    print_survey(made)
    for fault in made.faults:
        say(f"  {fault}")
    return not made.faults


def _checked(name: str, size: tuple[int, int] | None) -> Policy:
    """A policy that loads and can be planned, in training and in evaluation."""
    from augreg.plan import plan
    from augreg.policy import find_policy, load_policy, outermost, steps_in

    path = find_policy(name)
    policy = load_policy(path)
    plans, mistakes = [], []
    for training in (True, False):
        try:
            plans.append(plan(policy, training=training, size=size or (None, None)))
        except PolicyError as error:
            mistakes.append(error)
    if mistakes:
        raise joined(mistakes)
    count = len(steps_in(policy.prepare_train + policy.augment))
    print(f"{path}: valid ({policy.name}: {count} step{'s' * (count != 1)}, {policy.hash[:12]})")
    for pointer, op in dict.fromkeys(step for planned in plans for step in planned.unchecked):
        where = outermost(pointer, policy.macros)
        print(f'  {where}: "{op}" does not work at every size; check with --size HEIGHTxWIDTH')
    return policy


def explain(
    policy: PolicyArgument,
    in_json: AsJson = False,
    size: SizeText = None,
    evaluation: Annotated[
        bool, typer.Option("--eval", help="Show what runs in evaluation and at inference.")
    ] = False,
) -> None:
    """Explains how a policy runs: stages, what is fused and why, sizes, draws, passes."""
    from augreg.policy import load_policy
    from augreg.views.explain import explain as explained

    result = explained(load_policy(policy), size=parse_size(size), training=not evaluation)
    if in_json:
        print_json(result.as_dict())
        return
    from augreg.cli.tables import print_explanation

    print_explanation(result)


def expand(policy: PolicyArgument, output: OutputFile = None) -> None:
    """Expands the macros of a policy, such as rand_augment, into ordinary groups.

    The result is a policy with the same pixels, draws and hash.
    """
    from augreg.policy import load_policy
    from augreg.policy.expand import expand as expanded
    from augreg.policy.layout import as_policy

    print_or_write(as_policy(expanded(load_policy(policy))), output)
