"""Scripts that do tasks of MiniWoB, from what is asked and what is seen alone; one for each family of tasks."""

from prm_gym.envs.web import miniwob_controls, miniwob_drawings, miniwob_sites
from prm_gym.envs.web.miniwob_view import Solver

SOLVERS: dict[str, Solver] = {**miniwob_controls.SOLVERS, **miniwob_drawings.SOLVERS, **miniwob_sites.SOLVERS}
