"""Engines: where rollouts, labels and runs are done: in this process, in processes of this machine, or on a Ray cluster.

    with make_engine("ray", workers=8) as engine, engine.crew(maker) as crew:
        for finished in crew.run(jobs):
            keep(finished.index, finished.result())

The engine decides nothing of what comes out: the unit of work is a shard whose size does not depend on the number of workers, all that is random in it is
drawn from seeds of its own, and what died is done again.
"""

from prm_gym.engines.engine import Crew, Engine, Finished, Maker, Notice, Report, Shared, Worker
from prm_gym.engines.local import LocalEngine
from prm_gym.engines.processes import ProcessEngine
from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.plugins import make, split_options

__all__ = ["Crew", "Engine", "Finished", "LocalEngine", "Maker", "Notice", "ProcessEngine", "Report", "Shared", "Worker", "make_engine"]


def make_engine(spec: str, workers: int = 0, address: str = "") -> Engine:
    """The engine of a specification.

    Args:
        spec: "local"; or "ray", with options where wanted: "ray?gpus=0.5&cpus=4" (see `prm_gym.engines.ray_engine.RayEngine`).
        workers: at once. Of "local": 0 or 1 for this process, more for processes; of "ray": 0 for as many as there is room for.
        address: of a Ray cluster.

    Raises:
        UnknownNameError: no such engine.
        OptionError: an option does not fit.
        MissingExtraError: Ray is not installed.
        EngineError: the cluster cannot be had.
    """
    name, options = split_options(spec)
    if workers < 0:
        raise OptionError(f"workers must be at least 0, got {workers}")
    match name:
        case "local":
            if address or options:
                raise OptionError("the local engine takes no options and no address of a cluster: choose --engine ray")
            return ProcessEngine(workers) if workers > 1 else LocalEngine()
        case "ray":
            from prm_gym.engines.ray_engine import RayEngine

            return make("engine", name, RayEngine, workers, address, **options)
        case _:
            raise UnknownNameError("engine", name, ["local", "ray"])
