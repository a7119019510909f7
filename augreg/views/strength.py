"""Too strong: which step made a sample so, by which value, and a policy without such values."""

from __future__ import annotations

from dataclasses import dataclass

from augreg.errors import PolicyError
from augreg.lower.sampled import Value
from augreg.plugin.registry import Registry
from augreg.policy import Policy
from augreg.views.captions import values_text
from augreg.views.proposal import Proposal, propose
from augreg.views.trace import Sample
from augreg.views.undoing import Blame, Undoing

_LEAST = 0.005  # of a score: below, nobody sees that the step was undone


@dataclass(frozen=True)
class Share:
    """A step's part in how strong a sample is.

    Attributes:
        pointer, op, values: of the step; what it drew. Of a mixture, the group's.
        score: by how much the sample comes back if the step is undone, 0..1. Of a geometric step
            what `Moved` measures, in the part that differs the most; of others, how much of the
            difference (`changed`) to the sample without any of them goes.
    """

    pointer: str
    op: str
    values: dict[str, Value]
    score: float


@dataclass(frozen=True)
class TooStrong:
    """What made a sample strong, and what would make such samples rarer.

    Attributes:
        shares: of the steps that the sample does, the strongest first.
        blame: the value of the first; None where none of its values makes a difference.
        proposal: a change of the policy; None where there is none to propose.
        says: all of it in a sentence, or why there is no proposal.
    """

    shares: tuple[Share, ...]
    blame: Blame | None
    proposal: Proposal | None
    says: str


def too_strong(policy: Policy, sample: Sample, *, registry: Registry | None = None) -> TooStrong:
    """Which step and which value made a sample strong, and a narrower range to try.

    Each step that the sample does is undone in turn. A step that moves whole pixels and loses none,
    as a flip, counts as nothing; so does one that mixes samples, of which there is one here. The
    numbers are plain and see no content: what hides the one thing in an image is as strong as what
    hides as much of its background.

    Args:
        policy: a loaded one.
        sample: what somebody called too strong.
        registry: what the proposal is loaded with; None: the ops of all installed plugins.

    Raises:
        PolicyError: the policy can't work on this image.

    >>> import augreg, numpy as np
    >>> from augreg.views.strength import too_strong
    >>> from augreg.views.trace import Sample
    >>> steps = [{"op": "flip"}, {"op": "brightness", "delta": [0, 0.9]}]
    >>> policy = augreg.load_policy({"version": 1, "augment": steps})
    >>> found = too_strong(policy, Sample.of(np.full((16, 16, 3), 40, np.uint8), index=2))
    >>> found.proposal.pointer, found.proposal.old
    ('/augment/1/delta', [0, 0.9])
    """
    undoing = Undoing(policy, sample)
    scored = [(undoing.score(removable), removable) for removable in undoing.removables]
    scored.sort(key=lambda pair: -pair[0])
    shares = tuple(
        Share(removable.pointer, removable.op, removable.values, score)
        for score, removable in scored
    )
    if not scored or scored[0][0] < _LEAST:
        said = "no step changes this sample by more than a move of whole pixels that loses none"
        return TooStrong(shares, None, None, said)
    score, removable = scored[0]
    blame = undoing.blame(removable, score)
    said = f"{removable.op} at {removable.pointer}"
    if blame is not None:
        drawn = values_text({blame.parameter: blame.value})
        said += f" drew {drawn}, percentile {blame.rank * 100:.0f}"
    try:
        proposal = propose(policy, sample, removable, blame, registry)
    except PolicyError as error:
        return TooStrong(shares, blame, None, f"{said}; nothing to propose: {error.message}")
    return TooStrong(shares, blame, proposal, f"{said}; {proposal.says}")
