"""Step labels for training process reward models: `label`."""

import sys
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import tyro

from prm_gym.commands.records import print_records, read_options, resolved
from prm_gym.errors import OptionError
from prm_gym.progress import progress

if TYPE_CHECKING:
    from prm_gym.agent import Agent
    from prm_gym.engines import Engine
    from prm_gym.engines.labels import LabelWorker
    from prm_gym.labelling.layouts import LabelPolicy
    from prm_gym.montecarlo import LabelOptions, RolloutLabeller
    from prm_gym.ordered_store import OrderedFile
    from prm_gym.trajectory import Trajectory
    from prm_gym.verifier import Verifier

MOST_REASONS = 3  # why there is no score, that are shown


def label(
    path: Annotated[str, tyro.conf.Positional],
    out: str = "",
    trl: str = "",
    processbench: str = "",
    verifier: tuple[str, ...] = (),
    rollouts: str = "",
    rollout_option: tuple[str, ...] = (),
    kind: Literal["auto", "solution", "proof", "equations", "trajectory"] = "auto",
    split: Literal["auto", "line", "paragraph", "sentence"] = "auto",
    notation: str = "fld",
    undecided: Literal["leave-out", "right"] = "leave-out",
    neutral: Literal["right", "wrong"] = "right",
    stop_at_error: bool = False,
    engine: str = "local",
    workers: int = 0,
    ray_address: str = "",
    json: bool = False,
) -> None:
    r"""Label the steps of solutions in text with formal verifiers, and those of stored episodes by roll-outs, with their evidence.

    A row is one of

    solution    {"problem": ..., "response": TEXT or [STEP, ...], "gold": "12"}      also question, prompt; steps, completions, solution; answer, ...

    proof       {"hypothesis": "{B}", "facts": "fact1: {A}\nfact2: {A} -> {B}", "proof": "fact1 & fact2 -> hypothesis; PROVED"}

    equations   {"equation": "2x + 3 = 7", "steps": ["2x = 4", "x = 2"]}              of a system the whole on every line: "x + y = 3; x - y = 1"

    trajectory  what `prm-gym rollout --out` stored: its verdicts are the labels; episodes that the infrastructure spoilt are counted and left out

    Where an episode has tools, the prompt of the layouts holds its instructions too, and a step begins with what was seen before it, as <observation> ...
    </observation>, for a label cannot be learned without.

    A malformed step is wrong in a trajectory, and undecided in a text, whose writer was not told the notation.

    Args:
        path: file of rows (JSON lines, a JSON array or Parquet): solutions of mathematical problems, proofs in the notation of FLD and FoVer, equations
            solved line by line, or trajectories that `rollout` has stored.
        out: file for the trajectories with all verdicts (JSON lines). Rows that it holds already are not judged again.
        trl: file for TRL's stepwise supervision (`prompt`, `completions`, `labels`), as JSON lines.
        processbench: file for the layout of ProcessBench (`label` is the index of the first wrong step), as a JSON array, or lines if it ends in .jsonl.
        verifier: specifications of pure verifiers; by default those that fit the kinds of the rows (`arithmetic` and `equivalence`, `z3`, or `algebra`).
        rollouts: agent (a name, or the folder of a saved one) that plays on from every step of stored trajectories, in the environments that they name: whether
            it succeeds is the label, as a verdict of "montecarlo". Interrupted, the same command goes on with what --out does not hold yet.
        rollout_option: NAME=VALUE each: method (soft, hard, search for the first error, denoised as SCAN's), k (roll-outs of a prefix, 8), seed, threshold,
            batch (trajectories at once), num_envs, budget={"rollouts": N}, and least_confidence and tolerance of denoised.
        kind: what the rows are; told by their fields unless it is given.
        split: how the text of a solution is split into steps: auto, line, paragraph or sentence.
        notation: of the formulas of proofs: fld, folio, tptp or smtlib.
        undecided: steps that no verifier can judge: leave them out (a TRL row ends before the first one, a ProcessBench row with one before its first error
            is dropped), or count them as right.
        neutral: steps that are right and empty, or neither right nor wrong: count them as right or as wrong.
        stop_at_error: leave out what comes after the first wrong step (TRL).
        engine: where labels are made: local (this process, or several of this machine by --workers) or ray; options of Ray stand after a question mark, as
            "ray?gpus=0.5".
        workers: processes at once; 0 for this one alone, on Ray for as many as there is room for.
        ray_address: of a Ray cluster; by default that of RAY_ADDRESS, and where there is none, one is started on this machine.
        json: print JSON.
    """
    from prm_gym.commands.engines import engine_of
    from prm_gym.labelling import LabelPolicy
    from prm_gym.labelling.reading import DEFAULT_VERIFIERS, kind_of, read_rows
    from prm_gym.rows import rows_of
    from prm_gym.verifier import make_verifiers

    played = _rollouts(rollouts, rollout_option)
    rows = [row for _, row in rows_of(path)]
    if not rows:
        raise OptionError(f"{path} holds no rows")
    policy = LabelPolicy(undecided=undecided, neutral_is_right=neutral == "right", stop_at_error=stop_at_error)
    kinds = dict.fromkeys(kind_of(row) if kind == "auto" else kind for row in rows)
    specs = verifier or tuple(dict.fromkeys(name for each in kinds for name in DEFAULT_VERIFIERS[each]))
    read = list(read_rows(rows, kind, split, notation))
    trajectories = [row.trajectory for row in read if row.trajectory is not None]
    unread = [row for row in read if row.trajectory is None]
    for row in unread[:5]:
        print(f"prm-gym: {path}, row {row.number} is left out: {row.reason}", file=sys.stderr)
    if not trajectories:
        raise OptionError(f"no row of {path} can be read")
    spoilt = sum(not trajectory.valid for trajectory in trajectories)
    if spoilt:
        print(f"prm-gym: {path}: {spoilt} of {len(trajectories)} episodes are left out, since the infrastructure spoilt them (valid is false)", file=sys.stderr)
    if played is not None and any(kind_of(row) != "trajectory" for row in rows):
        raise OptionError(f"--rollouts plays on in the environments of stored trajectories; {path} holds other rows, which have none")
    with engine_of(engine, workers, ray_address) as where:  # before the verifiers: a pool of them finds its cluster
        verifiers = make_verifiers(specs)
        try:
            work = _Work(tuple(specs), verifiers, played, _versions(verifiers, played))
            labelled = work.labelled(trajectories, where, out, quiet=json)
        finally:
            for each in verifiers:
                each.close()
    exported = {"trl": _export(labelled, policy, trl, "trl"), "processbench": _export(labelled, policy, processbench, "processbench")}
    print_records([_summary(labelled, list(work.versions), {"rows": len(unread), "spoilt": spoilt}, policy, exported, out)], json)


class _Rollouts(msgspec.Struct, frozen=True):
    """Who plays on from the steps, and how the labels are made of it."""

    spec: str
    agent: "Agent"
    options: "LabelOptions"

    @property
    def version(self) -> str:
        return self.options.version(self.agent.id)


def _labeller(spec: str, options: "LabelOptions") -> "RolloutLabeller":
    """What labels by roll-outs, in a process of its own."""
    from prm_gym.agent import make_agent
    from prm_gym.montecarlo import RolloutLabeller

    return RolloutLabeller(make_agent(spec), options)


def _rollouts(agent: str, pairs: tuple[str, ...]) -> _Rollouts | None:
    """What `--rollouts` and its options say; None where nothing is to be played.

    Raises:
        OptionError: an option that there is not, or of another kind.
        UnknownNameError: no such agent.
    """
    from prm_gym.agent import find_saved, make_agent
    from prm_gym.errors import UnknownNameError
    from prm_gym.montecarlo import LabelOptions

    if not agent:
        if pairs:
            raise OptionError("--rollout-option says how --rollouts AGENT labels; name the agent")
        return None
    options = read_options(pairs)
    known = [name for name in LabelOptions.__struct_fields__ if name != "source"]
    for name in options:
        if name not in known:
            raise OptionError(str(UnknownNameError("option of roll-outs", name, known)))
    try:
        read = msgspec.convert({**options, "source": agent if find_saved(agent) is not None else ""}, LabelOptions)
    except msgspec.ValidationError as error:
        raise OptionError(f"--rollout-option: {error}") from error
    return _Rollouts(resolved(agent), make_agent(agent), read)


def _versions(verifiers: "tuple[Verifier, ...]", played: _Rollouts | None) -> dict[str, str]:
    """The version of every judge by its id, roll-outs among them.

    Raises:
        OptionError: two of them have one id, or a verifier is not pure.
    """
    from prm_gym.rescore import require_pure

    versions = {each.id: each.version for each in verifiers} | ({} if played is None else {"montecarlo": played.version})
    if len(versions) < len(verifiers) + (played is not None):
        raise OptionError("--rollouts gives the verdicts of 'montecarlo', and so does the verifier; leave one of them out")
    require_pure(verifiers)
    return versions


class _Work(msgspec.Struct, frozen=True):
    """Who judges, and of which versions the verdicts are."""

    specs: tuple[str, ...]
    verifiers: "tuple[Verifier, ...]"
    played: _Rollouts | None
    versions: dict[str, str]

    def labelled(self, trajectories: "list[Trajectory]", engine: "Engine", out: str, quiet: bool) -> "list[Trajectory]":
        """The valid trajectories with verdicts, in their order; what the file holds is not judged again."""
        from prm_gym.engines.labels import Labelling
        from prm_gym.labelling.labeller import CHUNK
        from prm_gym.ordered_store import OrderedFile

        valid = [trajectory for trajectory in trajectories if trajectory.valid]
        places = {trajectory.id: place for place, trajectory in enumerate(valid)}
        if out and len(places) < len(valid):
            raise OptionError(
                f"{len(valid)} solutions have only {len(places)} distinct ids, so {out} could not be gone on with; give every row an id of its own"
            )
        file = OrderedFile(out, list(places)) if out else None
        found = {places[identity]: each for identity, each in (_stored(file, trajectories, self.versions) if file is not None else {}).items()}
        missing = [place for place in range(len(valid)) if place not in found]
        size = CHUNK if self.played is None else self.played.options.batch
        parts = [missing[start : start + size] for start in range(0, len(missing), size)]
        jobs = [Labelling(tuple(valid[place] for place in part)) for part in parts]
        with file or nullcontext(), progress("solutions", quiet) as report, engine.crew(self._maker(engine.apart)) as crew:
            done = 0
            for finished in crew.run(jobs):
                made = finished.result()
                found |= zip(parts[finished.index], made, strict=True)
                done += len(made)
                if file is not None:
                    file.write(made)
                report("labelling", done, len(missing))
            if file is not None:
                file.finish()
        return [found[place] for place in range(len(valid))]

    def _maker(self, apart: bool) -> "Callable[[], LabelWorker]":
        """Makes a worker: in this process of what is here already, in another one of specifications.

        Raises:
            OptionError: roll-outs that would not be the same in several processes.
        """
        from prm_gym.engines.labels import LabelWorker
        from prm_gym.engines.shards import require_seeded
        from prm_gym.montecarlo import RolloutLabeller

        played = self.played
        if not apart:
            return partial(LabelWorker, self.verifiers, None if played is None else partial(RolloutLabeller, played.agent, played.options))
        if played is None:
            return partial(LabelWorker, self.specs)
        require_seeded(played.agent, "labels by its roll-outs")
        if played.options.budget is not None:
            raise OptionError("a budget of roll-outs is one process's: with several, how it is spent would depend on who is faster; leave it out, or lower k")
        return partial(LabelWorker, self.specs, partial(_labeller, played.spec, played.options))


def _stored(file: "OrderedFile", trajectories: list["Trajectory"], versions: dict[str, str]) -> dict[str, "Trajectory"]:
    """What a file holds of these trajectories, by id.

    Raises:
        OptionError: it holds something else, or verdicts of other verifiers or of other versions of them.
    """
    out = file.path
    wanted = {trajectory.id: trajectory for trajectory in trajectories}
    found = {trajectory.id: trajectory for trajectory in file.read() if trajectory.valid}
    for identity, trajectory in found.items():
        asked = wanted.get(identity)
        if asked is None or [step.action for step in asked.steps] != [step.action for step in trajectory.steps]:
            raise OptionError(f"{out} holds labels of other solutions ({identity}); choose another file")
        for step in trajectory.steps:
            held = {name: verdict.version for name, verdict in step.verdicts.items()}
            odd = next((name for name, version in versions.items() if held.get(name) != version), None)
            if odd is not None:
                other = f"those of {odd} are of version {held[odd]!r}, not {versions[odd]!r}" if odd in held else f"there are none of {odd}"
                raise OptionError(f"{out} holds verdicts of other verifiers ({identity}: {other}); choose another file, or `prm-gym rescore` it")
    return found


def _export(labelled: list["Trajectory"], policy: "LabelPolicy", path: str, layout: str) -> int | None:
    """Write the rows of a layout; how many there are, None where nothing was asked for."""
    from prm_gym.labelling import processbench_row, stepwise_row
    from prm_gym.store import write_json, write_json_lines

    if not path:
        return None
    made = [stepwise_row(trajectory, policy) if layout == "trl" else processbench_row(trajectory, policy) for trajectory in labelled]
    rows = [row for row in made if row is not None]
    if layout == "processbench" and not path.endswith(".jsonl"):
        write_json(path, rows)
    else:
        write_json_lines(path, rows)
    return len(rows)


def _summary(
    labelled: list["Trajectory"], verifier_ids: list[str], left_out: dict[str, int], policy: "LabelPolicy", exported: dict[str, int | None], out: str
) -> dict[str, Any]:
    from prm_gym.labelling import ratings

    rated: Counter[str] = Counter()
    said: Counter[str] = Counter()
    for trajectory in labelled:
        rated.update({None: "undecided", -1: "wrong", 0: "neutral", 1: "right"}[rating] for rating in ratings(trajectory))
        said.update(f"{v.verifier}: {v.label or v.status}" for step in trajectory.steps for v in step.verdicts.values())
    silent = Counter(f"{v.verifier}: {v.reason}" for trajectory in labelled for step in trajectory.steps for v in step.verdicts.values() if v.score is None)
    outcomes = Counter("unknown" if t.outcome is None else "right" if t.outcome == 1.0 else "wrong" for t in labelled)
    return {
        "solutions": len(labelled),
        "rows left out": left_out["rows"],
        "spoilt episodes left out": left_out["spoilt"],
        "steps": dict(rated.most_common()),
        "final answers": dict(outcomes.most_common()),
        "verifiers": verifier_ids,
        "verdicts": dict(said.most_common()),
        "why there is no score": dict(silent.most_common(MOST_REASONS)),
        "policy": msgspec.to_builtins(policy),
        "exported": {layout: count for layout, count in exported.items() if count is not None},
        "stored": out or None,
    }
