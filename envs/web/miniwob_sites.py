"""Scripts for tasks that look like sites: mail, shops, feeds."""

from prm_gym.envs.web.miniwob_view import Solver

SOLVERS: dict[str, Solver] = {}
