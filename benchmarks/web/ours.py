"""Our own browser layer at the same work: TO BE WRITTEN, with the layer itself. Nothing here is measured yet.

`run` is all that has to be filled in. It plays the episodes of `workload.episodes_of` for each environment, by `workload.action_for` on our own text
observation, success being `raw >= 1`, and returns `measurement.figures(...)` of the `workload.Episode` records, so that every figure is made as it is for the
others. In a vector environment whose pages step together, an environment's reset or step lasts as long as the call that it was part of; a step in which an
environment had nothing to do is no step. One untimed episode goes first; memory and processes are those of this process and all below it
(`measurement.processes_below`, `usage`) while the environments are still open.
"""

from typing import Any

from measurement import arguments, tell


def run(envs: int, seconds: float, mode: str, first: int) -> dict[str, Any]:
    """The figures of one window.

    Args:
        envs: environments that are stepped at the same time, in one process.
        seconds: length of the window.
        mode: `trusted` input (as the loop's `locator.click` and `fill`), or `script` actions (as Selenium's environment clicks).
        first: where in `workload.SEEDS` the episodes begin.

    Raises:
        NotImplementedError: always, as yet.
    """
    raise NotImplementedError("not measured yet")


if __name__ == "__main__":
    call = arguments("trusted", "script")
    tell(run(call.envs, call.seconds, call.mode, call.first))
