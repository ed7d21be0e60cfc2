"""The README of a checkpoint of an implicit reward."""

import json

import msgspec

from prm_gym.prm.implicit.loading import ImplicitSettings


class TrainingReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a training.

    Attributes:
        out: folder of the checkpoint.
        trajectories: learnt from.
        held_out: trajectories of the problems that were held out.
        left_out: trajectories that were not used, by reason.
        steps: gradient steps.
        tokens: that went through the model in training, without padding.
        validation: of the weights that were kept: loss, accuracy, and AUC of the outcome; empty without held-out problems.
    """

    out: str
    trajectories: int
    held_out: int
    left_out: dict[str, int]
    steps: int
    tokens: int
    validation: dict[str, float]


def model_card(settings: ImplicitSettings, report: TrainingReport) -> str:
    """The README of a checkpoint: what it is, what it was made of, what it is good for."""
    options, data = settings.training["options"], settings.training["data"]
    rows = [
        f"# An implicit process reward model ({options['learning']['objective']})",
        "",
        "Trained by prm_gym from the outcomes of whole trajectories; no step was labelled. The reward of a step is",
        f"`{settings.beta} * sum over its tokens of [log pi - log ref]`; `prm-gym` scores with it as `implicit:{report.out}`.",
        "",
        f"- Begun from, and reference: `{settings.training['model']}`" + (" (this is an adapter over it)" if options["lora_rank"] else ""),
        f"- Trajectories: {report.trajectories} learnt from, {report.held_out} held out by problem, left out: {report.left_out or 'none'}",
        f"- Outcomes in the data: {data['outcomes']}; sources: {data['sources']}; key of the data: `{data['key']}`",
        f"- Held-out figures of the weights that were kept: {report.validation or 'none (nothing was held out)'}",
        f"- Gradient steps: {report.steps}; tokens: {report.tokens}",
        f"- Seed: {options['seed']}; prm_gym {settings.training['library']}",
        f"- Options: `{json.dumps(options)}`",
        "",
        "Limits: the reward is only as right as the outcomes were, and on data like these; a policy that is trained against it drifts away from them. Rewards ",
        "add up over tokens, so compare steps of like length, or look at the values up to a step (`form=value`).",
        "",
    ]
    return "\n".join(rows)
