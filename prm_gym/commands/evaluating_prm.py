"""How good the scores of steps are: `eval-prm`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import tyro

from prm_gym.commands.records import command_line, read_names
from prm_gym.progress import progress


def eval_prm(
    verifier: Annotated[str, tyro.conf.Positional],
    data: Annotated[tuple[str, ...], tyro.conf.Positional],
    metrics: str = "",
    layout: str = "auto",
    labels_by: str = "",
    limit: int = 0,
    threshold: float | None = None,
    tune_on: tuple[str, ...] = (),
    undecided: Literal["auto", "miss", "right"] = "auto",
    aggregation: str = "",
    probe: tuple[str, ...] = (),
    probe_limit: int = 0,
    batch: int = 64,
    seed: int = 0,
    out: str = "",
    plots: bool = False,
    json: bool = False,
) -> None:
    """Measure how good the step scores of a verifier are, on public data and beside constants and an oracle.

    The layouts of ProcessBench, PRM800K, AgentProcessBench, ToolComp, WebPRMBench, PRMBench, Socratic-PRMBench, MR-GSM8K, BIG-Bench-Mistake, plain solutions
    (for best-of-n) and trajectories that `rollout` or `label` have stored are told by the fields of the rows.

    With --out every score is kept as it comes, and the same command asks only for what is missing; what failed is asked again. Where every verdict failed,
    the exit status is 1.

    Args:
        verifier: specification, as "prm:PATH", "judge:MODEL?protocol=critic", "arithmetic" or "all(arithmetic, prm:PATH)".
        data: files (JSON lines, a JSON array, Parquet, CSV), folders that `datasets` wrote, or hf:NAME[:CONFIG[:SPLIT]]; LAYOUT=PATH names the layout of one.
        metrics: with commas between them: first-error, steps, agent, mr-score, calibration, ranking, coverage, solutions, best-of-n, length, pairwise, probes;
            all that the data allows but the probes, which ask for many more scores, unless given.
        layout: of all data.
        labels_by: of stored trajectories: ids of the verifiers whose verdicts are the labels, with commas between them; all of them unless given.
        limit: rows taken of each, evenly spread; 0 for all.
        threshold: a step that scores below it counts as wrong; the verifier's own unless given.
        tune_on: data that the threshold is tuned on instead; it must share no problem with the data that is measured.
        undecided: what steps without a score come to: miss, or right (no objection). auto: miss, and right for verifiers of claims, which are silent about most
            steps.
        aggregation: by which the scores of steps become that of a solution: min, product, mean, last or soft-min; the verifier's own unless given.
        probe: names of gaming probes; all of them unless given. Naming one adds the metric "probes".
        probe_limit: solutions that probes are tried on, evenly spread; 0 for all.
        batch: solutions judged at once.
        seed: of what is resampled and drawn.
        out: folder of the scores and the report (report.html, report.md, evaluation.json).
        plots: also write the figures as plots.png and plots.svg into the folder.
        json: print the whole result as JSON.
    """
    from contextlib import nullcontext

    from prm_gym.errors import OptionError
    from prm_gym.prm.evaluation.data import load
    from prm_gym.prm.evaluation.evaluate import Settings, evaluate
    from prm_gym.prm.evaluation.report import print_evaluation, write_reports
    from prm_gym.prm.evaluation.scoring import ScoreFile

    if plots and not out:
        raise OptionError("--plots writes into the folder that --out names")
    if out and (Path(out) / "config.json").is_file():
        raise OptionError(f"{out} holds a model; choose another folder for the scores and the report")
    if tune_on and threshold is not None:
        raise OptionError("a threshold is given (--threshold) or tuned (--tune-on), not both")
    wanted = read_names(metrics) if metrics else ()
    if probe and "probes" not in wanted:
        wanted = (*wanted, "probes")
    settings = Settings(
        metrics=wanted,
        threshold=threshold,
        undecided=None if undecided == "auto" else undecided,
        aggregation=aggregation,
        probes=probe,
        probe_limit=probe_limit,
        batch=batch,
        seed=seed,
    )
    judges = read_names(labels_by) if labels_by else ()
    loaded = load(data, layout, limit, judges)
    tune = load(tune_on, layout, labels_by=judges) if tune_on else None
    for source in (*loaded.sources, *(tune.sources if tune else ())):
        for line in source.left_out[:5]:
            print(f"prm-gym: left out: {line}", file=sys.stderr)
    with ScoreFile(Path(out) / "scores.jsonl") if out else nullcontext(ScoreFile()) as scores, progress("solutions", quiet=json) as notice:
        found = evaluate(verifier, loaded, settings, scores, tune, notice, command_line())
    written = write_reports(found, Path(out)) if out else ()
    if plots:
        from prm_gym.prm.evaluation.plots import draw_plots

        written = (*written, *draw_plots(found, Path(out)))
    if json:
        print(msgspec.json.encode(found).decode())
    else:
        from rich.console import Console

        print_evaluation(found, Console())
        if written:
            print("\n" + "  ".join(map(str, written)))
    failed = sum(found.failures.values())
    if failed and failed == found.judged and not found.kept:
        most = max(found.failures, key=lambda reason: found.failures[reason])
        print(f"prm-gym: nothing was measured: all {failed:,} verdicts failed, most of them with: {most}", file=sys.stderr)
        sys.exit(1)
