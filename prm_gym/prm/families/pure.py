"""PURE-PRM-7B."""

from prm_gym.prm.families.trl import TrlFamily


class PureFamily(TrlFamily):
    """TRL's tokens without a first one (bos). The authors' reward is P(right) - P(wrong), in [-1, 1]: twice the score less one, so that they part at one half.

    Source: CJReinforce/PURE. There the return of a solution is the soft minimum of its rewards at temperature 0.1, for which `min` stands here.
    """

    id = "pure"
    begins = False
