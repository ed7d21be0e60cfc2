"""The model card of a checkpoint: what it is, what it was trained on, what it was measured at, and what that does not say."""

from typing import TYPE_CHECKING, Any, cast

import msgspec

from prm_gym.prm.families.own import OwnSettings
from prm_gym.prm.training.metrics import HeldOut

if TYPE_CHECKING:
    from prm_gym.prm.training.run import TrainingResult

_NAMES = {
    "chains": "chains",
    "steps": "labelled steps",
    "wrong_share": "share of wrong steps",
    "nll": "cross-entropy (nats)",
    "constant_nll": "of the best constant",
    "brier": "Brier score",
    "accuracy": "accuracy of steps",
    "macro_f1": "macro-F1 of steps",
    "auc": "area under the ROC curve",
    "first_error_f1": "F1 of the first error",
    "pairs": "pairs",
    "pair_accuracy": "accuracy of pairs",
}

_SAMPLING = {
    "all-steps": "every labelled step counts",
    "last-step-balanced": "last-step-balanced: beginnings of chains, whose last step alone counts, right and wrong ones equally often",
}


def card(result: "TrainingResult", settings: OwnSettings) -> str:
    """The text of the card, in Markdown with the header that the Hugging Face hub reads."""
    config: dict[str, Any] = result.config
    base = str(config["model"]["path"])
    header = ["---", "library_name: transformers", "tags:", "- process-reward-model", "- prm_gym", *([f"base_model: {_scalar(base)}"] if base else []), "---"]
    return "\n".join(
        [
            *header,
            "",
            "# A process reward model",
            "",
            f"It gives every step of a solution P(the step is right). {_what(result, settings, base)}",
            "",
            'Use it as a verifier of prm_gym, `verifiers=["prm:PATH"]`, or `prm-gym eval-prm prm:PATH DATA`. `prm_gym.json` says how chains become tokens.',
            "",
            "## Data",
            "",
            *_table(["source", "SHA-256", "layouts", "chains", "pairs", "right", "wrong", "soft", "unknown"], [_source(each) for each in _sources(result)]),
            "",
            *_notes(result),
            "",
            *_parts(result),
            "",
            "Parts share no problem. " + _left_out(result),
            "",
            "## Labels and loss",
            "",
            *(f"- {line}" for line in _policy(config)),
            "",
            "## Figures",
            "",
            *_table(["", "validation", "test"], _figures(result)),
            "",
            f"The validation problems chose the weights (of update {result.updates['kept']} of {result.updates['made']}), the temperature and the threshold, "
            "so their figures flatter; the test problems chose nothing.",
            "",
            "## Limits",
            "",
            *(f"- {line}" for line in _limits(result)),
            "",
            "## How it was made",
            "",
            "```",
            str(config["command"]) or "train_prm(...)",
            "```",
            "",
            f"Seed {config['run']['seed']}; {result.tokens:,} tokens read ({result.padding:.1%} of what was computed was padding), "
            + f"{result.seconds:,.0f} s of processor time; "
            + ", ".join(f"{name} {number}" for name, number in result.versions.items())
            + f". Key of settings and data: `{result.key}`.",
            "",
            "<details><summary>All settings</summary>",
            "",
            "```json",
            msgspec.json.format(msgspec.json.encode(config), indent=2).decode(),
            "```",
            "",
            "</details>",
            "",
        ]
    )


def _parts(result: "TrainingResult") -> list[str]:
    parts = {name: part for name, part in result.counts.items() if "chains" in part}
    return _table(["part", *parts["train"]], [[name, *(f"{count:,}" for count in part.values())] for name, part in parts.items()])


def _what(result: "TrainingResult", settings: OwnSettings, base: str) -> str:
    count = result.parameters
    kind = f"It is {base}" if base else "It is a small decoder (architecture of Qwen2) trained from scratch"
    lora = f", with adapters of rank {result.config['model']['lora']}" if result.config["model"]["lora"] else ""
    head = "a head of two classes" if settings.head == "token-classification" else f"the verdict tokens {settings.negative} and {settings.positive}"
    return f"{kind}{lora}, with {head}: {count['all']:,} parameters, of which {count['trained']:,} were trained."


def _sources(result: "TrainingResult") -> list[tuple[str, Any]]:
    return [*(("", each) for each in result.sources), *(("validation: ", each) for each in result.validation_sources)]


def _source(named: tuple[str, Any]) -> list[str]:
    prefix, each = named
    layouts = ", ".join(f"{name} {count:,}" for name, count in each.layouts.items())
    labels = [f"{each.steps.get(kind, 0):,}" for kind in ("right", "wrong", "soft", "unknown")]
    return [prefix + each.name, f"`{each.sha256}`", layouts, f"{each.chains:,}", f"{each.pairs:,}", *labels]


def _notes(result: "TrainingResult") -> list[str]:
    found: list[str] = []
    for prefix, each in _sources(result):
        if each.verifiers:
            found.append(f"- {prefix}{each.name}: labels by the verdicts of {', '.join(f'{name} ({count:,})' for name, count in each.verifiers.items())}")
        for reason, count in each.left_out.items():
            found.append(f"- {prefix}{each.name}: {count:,} left out: {_line(reason)}")
    return found or ["Nothing was left out."]


def _left_out(result: "TrainingResult") -> str:
    lost = result.counts.get("did not fit into the context", {})
    if not any(lost.values()):
        return "All steps fit into the context."
    return "Too long for the context and left out: " + ", ".join(f"{count:,} {name}" for name, count in lost.items() if count) + "."


def _policy(config: dict[str, Any]) -> list[str]:
    data, loss = cast("dict[str, Any]", config["data"]), cast("dict[str, Any]", config["loss"])
    reading, policy = data["reading"], data["reading"]["policy"]
    after = {
        "keep": "labels after the first wrong step are kept",
        "leave-out": "steps after the first wrong one are left out",
        "wrong": "all steps after the first wrong one count as wrong",
    }
    neutral = "right" if policy["neutral_is_right"] else "wrong"
    lines = [
        "labels as given (hard or soft)" if data["labels"] == "as-given" else f"labels made hard: right from {data['hard_from']} on",
        after[data["after_error"]],
        f"of stored trajectories: verdicts of {', '.join(reading['labels_by']) or 'all verifiers'}; undecided steps: {policy['undecided']}; "
        f"neutral steps count as {neutral}" + ("; scores of verdicts are the labels" if reading["soft_verdicts"] else ""),
        _SAMPLING[loss["sampling"]],
    ]
    if loss["text_weight"] or (loss["text_weight"] is None and not config["model"]["path"]):
        lines.append("besides, the text of right steps is predicted")
    if loss["balance"] == "class":
        lines.append("right and wrong steps weigh the same in sum")
    if loss["tolerance"]:
        lines.append(f"labels of the {loss['tolerance']} steps before the first wrong one are softened")
    if loss["bootstrap"]:
        lines.append(f"targets mixed with {loss['bootstrap']:.0%} of the model's own probability")
    if loss["tree_margin"]:
        lines.append(f"pairs of steps that go on from the same ones, with labels {loss['tree_margin']} or more apart; weight {loss['preference_weight']}")
    if loss["domain_weights"]:
        lines.append("factors of domains: " + ", ".join(f"{name} {weight}" for name, weight in loss["domain_weights"].items()))
    return lines


def _figures(result: "TrainingResult") -> list[list[str]]:
    rows: list[list[str]] = []
    for name, words in _NAMES.items():
        values = [getattr(part, name) if isinstance(part, HeldOut) else None for part in (result.validation, result.test)]
        if any(value not in (None, 0) for value in values):
            rows.append([words, *("" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4f}" for value in values)])
    rows.append(["temperature", f"{result.temperature:.3f}", ""])
    rows.append(["threshold", f"{result.threshold:.2f}", ""])
    return rows


def _limits(result: "TrainingResult") -> list[str]:
    limits = [
        "The held-out problems are of the same sources as the training data. Figures on other data, and how the scores can be gamed, are not in them: "
        "`prm-gym eval-prm` measures both.",
        "The labels are as good as what made them; a step that no verifier could judge was not learned from.",
    ]
    if not result.calibrated_on:
        limits.append("It is not calibrated: there were no labelled steps to fit a temperature on. Its scores are ranks, not probabilities.")
    if result.validation.first_error_f1 is None:
        limits.append("The threshold is 0.5 unfitted: the held-out chains are not of both kinds, with and without an error.")
    if result.config["loss"]["balance"] == "class" or result.config["loss"]["sampling"] == "last-step-balanced":
        limits.append("It was trained as if right and wrong steps were equally frequent; where they are not, its scores are biased towards the rarer kind.")
    return limits


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    return [*lines, *("| " + " | ".join(_line(cell).replace("|", "\\|") for cell in row) + " |" for row in rows)]


def _line(text: str) -> str:
    """On one line, and of a bounded length: reasons quote what stood in the data."""
    flat = " ".join(text.split())
    return flat if len(flat) <= 300 else flat[:297] + "..."


def _scalar(text: str) -> str:
    return msgspec.json.encode(text).decode()
