"""Two ways to go on from the same steps, one of them better: what pairwise benchmarks hold, and what process reward models are trained on beside labels."""

import msgspec

from prm_gym.chains import Chain
from prm_gym.errors import OptionError


class PreferencePair(msgspec.Struct, frozen=True, kw_only=True):
    """Two chains that share a beginning. They are compared by their ends, each mostly one step after it.

    Attributes:
        id: unique in its source.
        chosen: the problem, the steps that both share, and the better ones.
        rejected: likewise with the worse ones.
        shared: how many steps both begin with; each goes on with at least one of its own.
        group: pairs of one state: the better step against each of several others; `id` where it is empty.
        source: name of the data.
        domain: of several in one source: "plan" or "step" (ToolComp), where states come from (WebPRMBench), the data set (Step-DPO); for weights and tables.
    """

    id: str
    chosen: Chain
    rejected: Chain
    shared: int
    group: str = ""
    source: str = ""
    domain: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.shared < min(len(self.chosen), len(self.rejected)):
            lengths = f"{len(self.chosen)} and {len(self.rejected)}"
            raise OptionError(f"{self.id}: both chains of a pair go on after what they share, got {lengths} steps of which {self.shared} are shared")
        if self.chosen.problem != self.rejected.problem or self.chosen.steps[: self.shared] != self.rejected.steps[: self.shared]:
            raise OptionError(f"{self.id}: the two chains of a pair differ in what they are to share")

    @property
    def own_texts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The steps after the shared ones as plain texts: of the better chain, of the worse one."""
        return self.chosen.texts[self.shared :], self.rejected.texts[self.shared :]

    @property
    def group_key(self) -> str:
        """The same for all pairs of one state."""
        return f"{self.source}/{self.group or self.id}"
