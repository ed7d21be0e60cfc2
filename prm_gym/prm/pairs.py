"""Two continuations of one chain, one of them better: what pairwise benchmarks of process reward models consist of."""

import msgspec

from prm_gym.chains import Chain
from prm_gym.errors import OptionError


class PreferencePair(msgspec.Struct, frozen=True, kw_only=True):
    """Two chains that differ in their last step.

    Attributes:
        id: unique in its source.
        chosen: the problem and the steps, ending in the better one.
        rejected: the same, ending in the worse one.
        group: pairs of one state: the better step against each of several others; `id` where it is empty.
        kind: which of the benchmark's parts it belongs to: "plan" or "step" (ToolComp), a source of states (WebPRMBench).
        source: name of the data.
    """

    id: str
    chosen: Chain
    rejected: Chain
    group: str = ""
    kind: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not len(self.chosen) or len(self.chosen) != len(self.rejected):
            raise OptionError(f"{self.id}: two chains of equal length are compared by their last step, got {len(self.chosen)} and {len(self.rejected)} steps")
        if self.chosen.problem != self.rejected.problem or self.chosen.steps[:-1] != self.rejected.steps[:-1]:
            raise OptionError(f"{self.id}: the two chains differ before their last step")

    @property
    def group_key(self) -> str:
        """The same for all pairs of one state."""
        return f"{self.source}/{self.group or self.id}"
