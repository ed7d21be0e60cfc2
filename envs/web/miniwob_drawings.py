"""Scripts for tasks about what is drawn: shapes, colours, points."""

from prm_gym.envs.web.miniwob_view import Solver

SOLVERS: dict[str, Solver] = {}
