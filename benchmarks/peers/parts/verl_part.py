"""verl: its GRPO advantages, the plain and the vectorised function, on a token a response, so that the same numbers come out."""

from typing import Any

from measuring import Work, cold, main, package, rate


def advantages(work: Work) -> dict[str, Any]:
    """GRPO of groups: one advantage a response."""
    core, torch, numpy = package("verl.trainer.ppo.core_algos"), package("torch"), package("numpy")
    found: dict[str, Any] = {}
    for size, groups in work["groups"].items():
        rewards = torch.tensor(groups, dtype=torch.float64)
        count, attempts = rewards.shape
        index = numpy.repeat(numpy.arange(count), attempts).astype(object)
        flat, mask = rewards.reshape(-1, 1), torch.ones(count * attempts, 1)
        for way in ("compute_grpo_outcome_advantage", "compute_grpo_vectorized_outcome_advantage"):
            function = getattr(core, way)

            def once(function: Any = function, given: Any = (flat, mask, index)) -> int:
                return len(function(given[0].clone(), given[1], given[2])[0])

            first = function(flat.clone(), mask, index)[0][:attempts, 0].tolist()
            found[f"{size}, {way.removeprefix('compute_').removesuffix('_outcome_advantage')}"] = {**rate(once, work["seconds"]), "first": first}
    return found


def start(_: Work) -> dict[str, float]:
    """Import, and the first advantages."""

    def load() -> Any:
        core, torch, numpy = package("verl.trainer.ppo.core_algos"), package("torch"), package("numpy")
        return lambda: core.compute_grpo_outcome_advantage(torch.tensor([[1.0], [0.0]]), torch.ones(2, 1), numpy.zeros(2))

    return cold(load)


if __name__ == "__main__":
    main({"advantages": advantages, "start": start})
