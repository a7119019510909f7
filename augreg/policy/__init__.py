"""Policies: checked data (`nodes`), read from a file or a dict (`loader`)."""

from augreg.policy.given import find_policy as find_policy
from augreg.policy.given import ready_names as ready_names
from augreg.policy.given import ready_policies as ready_policies
from augreg.policy.loader import PolicyWarning as PolicyWarning
from augreg.policy.loader import load_policy as load_policy
from augreg.policy.nodes import BYTES as BYTES
from augreg.policy.nodes import Group as Group
from augreg.policy.nodes import Node as Node
from augreg.policy.nodes import Output as Output
from augreg.policy.nodes import Policy as Policy
from augreg.policy.nodes import Step as Step
from augreg.policy.nodes import outermost as outermost
from augreg.policy.nodes import steps_in as steps_in
from augreg.policy.nodes import walk as walk
