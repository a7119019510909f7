"""What a caller says of running a policy, checked once: the same in every way of running it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from augreg.annotations.layout import BILINEAR, NEAREST, PLAIN, Layout
from augreg.annotations.parts import MIN_VISIBLE, TargetRules
from augreg.checks import InputRange, check_flag, check_input_range, check_uint32
from augreg.plan import SECTIONS, Plan, check_sections, plan
from augreg.policy import Node, Policy, load_policy


@dataclass(frozen=True)
class RunOptions:
    """The options of a run, whatever runs it; see `map_fn`.

    Attributes:
        sections: which of prepare, augment and output to run.
        input_range: what floats mean; None where nobody stated it: 0..1, and looked at.
        layout: what the parts of an element are, where it does not say so itself.
        rules: how boxes are written, and how much of one has to be left.
        debug: checks every stage; None asks the environment.
    """

    policy: Policy
    seed: int
    training: bool
    sections: tuple[str, ...]
    input_range: InputRange
    layout: Layout
    rules: TargetRules
    debug: bool | None

    @classmethod
    def of(
        cls,
        policy: Any,
        seed: Any,
        training: Any = True,
        *,
        sections: Any = SECTIONS,
        input_range: Any = None,
        parts: Any = None,
        also: Any = None,
        bounding_box_format: Any = None,
        min_visible: Any = MIN_VISIBLE,
        box_from: Any = "corners",
        keypoint_pairs: Any = (),
        oriented: Any = False,
        debug: Any = None,
    ) -> RunOptions:
        """The options as a caller gives them.

        Raises:
            PolicyError: the policy is wrong.
            ValueError: an argument is out of its range, or no such thing.
            DataError: the parts or the format of boxes are none.
        """
        layout = Layout.of(parts, also)
        rules = TargetRules(
            bounding_box_format,
            min_visible,
            box_from,
            keypoint_pairs,
            check_flag(oriented, "oriented"),
            nearest=layout.resampled(NEAREST),
            bilinear=layout.resampled(BILINEAR),
        )
        return cls(
            load_policy(policy),
            check_uint32(seed, "seed"),
            check_flag(training, "training"),
            check_sections(sections),
            check_input_range(input_range),
            layout,
            rules,
            debug if debug is None else check_flag(debug, "debug"),
        )

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The steps and groups that run."""
        return self.policy.nodes(self.training, self.sections)

    def check_epoch_is_told(self, fix: str) -> None:
        """Raises `PolicyError` where a parameter follows the epoch; `fix`: who was not told it."""
        pointer = self.policy.scheduled(self.sections) if self.training else None
        if pointer is not None:
            raise self.policy.error(f"a parameter follows the epoch, and {fix}", pointer)

    def shared(self, sections: tuple[str, ...], rules: TargetRules | None = None) -> RunOptions:
        """What the traced program of `sections` depends on: options that are equal share it."""
        does = {
            "prepare": bool(self.policy.prepare(self.training)),
            "augment": self.training and bool(self.policy.augment),
        }
        return RunOptions(
            self.policy,
            seed=0,
            training=self.training,
            sections=tuple(name for name in sections if does.get(name, True)) or sections,
            input_range=None,
            layout=PLAIN,
            rules=rules or TargetRules(),
            debug=None,
        )

    def plan(
        self, shape: tuple[Any, ...], sections: tuple[str, ...] | None = None, **how: bool
    ) -> Plan:
        """The plan for images [...,H,W,C]: of all that runs, or of `sections` alone."""
        return plan(
            self.policy,
            training=self.training,
            sections=self.sections if sections is None else sections,
            size=(shape[-3], shape[-2]),
            channels=shape[-1],
            **how,
        )
