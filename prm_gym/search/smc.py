"""Sequential Monte Carlo: attempts as particles, weighted by the verifier and resampled when their weights become uneven."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prm_gym.errors import OptionError
from prm_gym.search.method import MOST_ATTEMPTS, Choice, SearchMethod, Tree, require
from prm_gym.search.node import Asking, Expand, Node, reach
from prm_gym.search.voting import voted

DEFAULT_PARTICLES = 16


class ParticleFilter(SearchMethod, frozen=True, kw_only=True):
    """Draws attempts from the agent's distribution times a potential, by particles that move side by side.

        target     pi(x) = p(x) phi(x) / Z,     phi(x_1:t) = max(value(x_1:t), floor)^power
        weight     W_t = W_{t-1} phi(x_1:t) / phi(x_1:t-1)                  particles that have ended keep theirs
        resample   when ESS = (sum W)^2 / sum W^2 < ess N:   systematic, each then has weight 1
        estimate   Z = prod over resamplings of (mean W before it)  *  mean W at the end

    The estimate of Z = E_p[phi(x)], the mean potential of the agent's attempts, is unbiased however often it is resampled; its logarithm is the note `log_z`
    (-inf where every particle died). With the aggregation "product" the potential of an attempt is the product of its step scores.

    Attributes:
        particles: >= 1; None for as many as the budget is certain to hold, and 16 without one. One population is run: what it leaves of the budget is not
            spent.
        ess: share of the particles below which the effective sample size calls for resampling, in [0, 1]; 0 never, 1 after every step that leaves weights
            uneven.
        power: of the value, > 0: the greater, the more the verifier counts against the agent.
        floor: the least potential, in [0, 1); with 0 a refuted particle dies.
        choose: "best": the attempt of the highest rank; "vote": the answer of the greatest weight; "draw": in proportion to the weights, a sample of the
            target.

    Sources: Del Moral et al. 2006, Sequential Monte Carlo samplers; Puri et al. 2025 (arXiv 2502.01618), particle filtering with process reward models, who
    resample after every step. Systematic resampling: Douc, Cappe and Moulines 2005, Comparison of resampling schemes for particle filtering.
    """

    particles: int | None = None
    ess: float = 0.5
    power: float = 1.0
    floor: float = 0.01
    choose: str = "best"

    def __post_init__(self) -> None:
        require(self, particles=(1, float("inf")), ess=(0.0, 1.0), power=(1e-9, float("inf")), floor=(0.0, 1.0))
        if self.choose not in ("best", "vote", "draw") or self.floor == 1.0:
            raise OptionError(f"choose is 'best', 'vote' or 'draw' and floor below 1, got {self.choose!r} and {self.floor!r}")

    def search(self, tree: Tree) -> Asking[Choice]:
        """The search, as `Searcher` runs it."""
        count = self.particles or min(tree.wave(None, DEFAULT_PARTICLES), MOST_ATTEMPTS)
        places: list[Node] = [tree.root] * count
        weights = np.ones(count)
        log_z, resampled, short = 0.0, 0, False
        while True:
            running = [row for row, node in enumerate(places) if not node.ended and weights[row] > 0.0]
            if not running or short:
                break
            reached = yield from reach([Expand(places[row]) for row in running])
            short = any(node is None for node in reached)
            for row, node in zip(running, reached, strict=True):
                if node is not None:
                    before, places[row] = self._potential(tree, places[row]), node
                    weights[row] *= self._potential(tree, node) / before
            if not weights.any():
                break
            if not short and any(not node.ended for node in places) and effective_size(weights) < self.ess * count:
                log_z += math.log(weights.mean())
                places = [places[row] for row in systematic(weights, tree.rng)]
                weights, resampled = np.ones(count), resampled + 1
        mean = float(weights.mean())
        notes = {"log_z": log_z + (math.log(mean) if mean > 0.0 else -math.inf), "resampled": float(resampled), "particles": float(count)}
        if short:  # the population has not come to its end: what is known of it is no estimate
            del notes["log_z"]
        return self._choice(tree, places, weights, notes)

    def _potential(self, tree: Tree, node: Node) -> float:
        """The potential of a state: 1 at the beginning, 0 of a spoilt one, which was not drawn from the agent."""
        if not node.valid:
            return 0.0
        return max(tree.value(node), self.floor) ** self.power

    def _choice(self, tree: Tree, places: Sequence[Node], weights: NDArray[np.float64], notes: dict[str, float]) -> Choice:
        rows = [row for row, node in enumerate(places) if node.ended and weights[row] > 0.0]
        ended, chosen = [places[row] for row in rows], None
        if ended and self.choose == "vote":
            chosen, more = voted(tree, ended, [float(weights[row]) for row in rows])
            notes = {**notes, **more}
        elif ended and self.choose == "draw":
            chosen = ended[int(tree.rng.choice(len(rows), p=weights[rows] / weights[rows].sum()))]
        return tree.choice([node for node in places if node.ended], chosen or tree.best(ended), **notes)


def effective_size(weights: NDArray[np.float64]) -> float:
    """(sum W)^2 / sum W^2, from 1 to N; 0 where all weights are.

    >>> effective_size(np.array([1.0, 1.0, 0.0, 0.0]))
    2.0

    Args:
        weights: [N] float64 >= 0.
    """
    squares = float(weights @ weights)
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def systematic(weights: NDArray[np.float64], rng: np.random.Generator) -> list[int]:
    """[N] which particles go on: one uniform draw, and N places at equal distances; particle i is taken floor or ceil of N W_i / sum W times.

    Args:
        weights: [N] float64 >= 0, not all 0.
        rng: draws the one number.
    """
    count = len(weights)
    edges = np.cumsum(weights) / weights.sum()
    edges[int(np.flatnonzero(weights)[-1]) :] = 1.0  # whatever rounding made of the sum; never a particle of weight 0
    return [int(row) for row in np.searchsorted(edges, (np.arange(count) + rng.random()) / count, side="right")]
