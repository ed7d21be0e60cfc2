"""The data of a training: read from any layout, counted, freed of repetitions, and split by problem."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from prm_gym.chains import Chain, problem_key
from prm_gym.errors import OptionError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.detecting import Reading, read_file, rows_key
from prm_gym.prm.layouts.pairs import PreferencePair, pairs_of_tree
from prm_gym.prm.training.config import DataOptions
from prm_gym.task import content_key


class SourceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Where data came from, and what was taken of it.

    Attributes:
        name: file name, or name of the data set.
        sha256: of the file, or of its rows where it is no file.
        layouts: rows by layout.
        chains: labelled chains that were taken.
        pairs: pairs that were taken.
        steps: steps by label: right, wrong, soft, unknown.
        left_out: rows or chains that were not taken, by reason.
        verifiers: verdicts that were taken for labels, by id and version, with their number.
    """

    name: str
    sha256: str
    layouts: dict[str, int]
    chains: int
    pairs: int
    steps: dict[str, int]
    left_out: dict[str, int]
    verifiers: dict[str, int] = {}


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """What was read.

    Attributes:
        chains: without repetition, in order.
        pairs: likewise.
        sources: one a file.
    """

    chains: tuple[LabelledChain, ...]
    pairs: tuple[PreferencePair, ...] = ()
    sources: tuple[SourceRecord, ...] = ()


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """Data by what it is for; no problem is in two of them."""

    train: Data
    validation: Data
    test: Data


def load(files: Sequence[str], options: DataOptions, tree_margin: float = 0.0) -> Data:
    """The chains and pairs of files.

    Args:
        files: paths or `hf:NAME`s.
        options: how they are read, and which labels are taken.
        tree_margin: also pairs of the chains of each file; 0 for none.

    Raises:
        OptionError: nothing can be read; says why.
    """
    chains: dict[str, LabelledChain] = {}
    pairs: dict[str, PreferencePair] = {}
    sources: list[SourceRecord] = []
    for file in files:
        found, record = _load_file(file, options, chains, pairs)
        chains |= {key: item for key, item in found.items() if isinstance(item, LabelledChain)}
        pairs |= {key: item for key, item in found.items() if isinstance(item, PreferencePair)}
        sources.append(record)
    if tree_margin:
        pairs |= {_key(pair): pair for pair in pairs_of_tree(tuple(chains.values()), tree_margin)}
    if not chains and not pairs:
        reasons = "; ".join(f"{source.name}: {reason} ({count})" for source in sources for reason, count in list(source.left_out.items())[:3])
        raise OptionError(f"no labelled chain in {', '.join(files)}" + (f" ({reasons})" if reasons else ""))
    return Data(chains=tuple(chains.values()), pairs=tuple(pairs.values()), sources=tuple(sources))


def _load_file(
    file: str, options: DataOptions, known: dict[str, LabelledChain], known_pairs: dict[str, PreferencePair]
) -> tuple[dict[str, LabelledChain | PreferencePair], SourceRecord]:
    layouts, left_out, steps = Counter[str](), Counter[str](), Counter[str]()
    verifiers = Counter[str]()
    found: dict[str, LabelledChain | PreferencePair] = {}
    rows: list[object] = []
    is_file = Path(file).is_file()
    for read in read_file(file, options.reading):
        if options.limit and len(found) >= options.limit:
            left_out[f"beyond the limit of {options.limit:,}"] += 1
            continue
        if not is_file:
            rows.append(read.row)
        if read.reason:
            left_out[read.reason] += 1
            continue
        layouts[read.layout] += 1
        if read.layout == "ours":
            verifiers.update(_verifiers(read.row, options.reading))
        for item in read.items:
            taken = relabelled(item, options) if isinstance(item, LabelledChain) else item
            key = _key(taken)
            if isinstance(taken, LabelledChain) and all(label is None for label in taken.labels):
                left_out["no step of it has a label"] += 1
            elif key in found or key in known or key in known_pairs:
                left_out["it stands there already"] += 1
            else:
                found[key] = taken
                if isinstance(taken, LabelledChain):
                    steps.update(_kind(label) for label in taken.labels)
    record = SourceRecord(
        name=Path(file).name if is_file else file,
        sha256=_file_key(Path(file)) if is_file else rows_key(rows),
        layouts=dict(layouts),
        chains=sum(isinstance(item, LabelledChain) for item in found.values()),
        pairs=sum(isinstance(item, PreferencePair) for item in found.values()),
        steps=dict(steps),
        left_out=dict(left_out.most_common(20)),
        verifiers=dict(verifiers),
    )
    return found, record


def relabelled(item: LabelledChain, options: DataOptions) -> LabelledChain:
    """A chain with the labels that the options ask for."""
    labels = list(item.labels)
    if options.labels == "hard":
        labels = [None if label is None else float(label >= options.hard_from) for label in labels]
    error = next((at for at, label in enumerate(labels) if label is not None and label < 0.5), None)
    if error is not None and options.after_error != "keep":
        labels[error + 1 :] = [0.0 if options.after_error == "wrong" else None] * (len(labels) - error - 1)
    return msgspec.structs.replace(item, labels=tuple(labels))


def split(data: Data, options: DataOptions, seed: int, held_out: Data | None = None) -> Split:
    """Data split by problem, each domain in the same shares; a function of data, shares and seed.

    Problems are the same when they differ in blanks and capitals only.

    Args:
        data: to be split.
        options: the shares.
        seed: another one, another split.
        held_out: given validation data: the problems in it are then left out of the rest.

    Raises:
        OptionError: a part would be empty.
    """
    first_domain: dict[str, str] = {}
    for item in (*data.chains, *data.pairs):
        first_domain.setdefault(problem_key(_chain(item)), item.domain)
    reserved = {problem_key(_chain(item)) for item in (*held_out.chains, *held_out.pairs)} if held_out is not None else set[str]()
    by_domain: dict[str, list[str]] = {}
    for problem, domain in first_domain.items():
        if problem not in reserved:
            by_domain.setdefault(domain, []).append(problem)
    parts: dict[str, str] = dict.fromkeys(reserved, "validation")
    for problems in by_domain.values():
        problems.sort(key=lambda problem: content_key(str(seed), problem))
        validation = 0 if held_out is not None else round(options.validation_share * len(problems))
        test = round(options.test_share * len(problems))
        for at, problem in enumerate(problems):
            parts[problem] = "validation" if at < validation else "test" if at < validation + test else "train"
    if held_out is None and "validation" not in parts.values() and parts:  # too few problems of every domain to give a share of
        parts[min(parts, key=lambda problem: content_key(str(seed), problem))] = "validation"
    found = {name: _part(data, parts, name) for name in ("train", "validation", "test")}
    if held_out is not None:
        found["validation"] = held_out
    if not found["train"].chains and not found["train"].pairs:
        raise OptionError(f"nothing is left to train on: there are {len(parts)} problems in all, and the parts share none")
    if not found["validation"].chains and not found["validation"].pairs:
        raise OptionError("no problem is held out; give more problems, a larger validation share, or validation files")
    return Split(**found)


def texts(data: Data) -> Iterable[str]:
    """All texts, for a tokenizer to learn from."""
    for item in data.chains:
        yield item.chain.problem
        yield from item.chain.texts
    for pair in data.pairs:
        yield pair.chosen.problem
        yield from pair.chosen.texts
        yield pair.rejected.texts[-1]


def _part(data: Data, parts: dict[str, str], name: str) -> Data:
    return Data(
        chains=tuple(item for item in data.chains if parts[problem_key(item.chain)] == name),
        pairs=tuple(pair for pair in data.pairs if parts[problem_key(pair.chosen)] == name),
        sources=data.sources,
    )


def _chain(item: LabelledChain | PreferencePair) -> Chain:
    return item.chain if isinstance(item, LabelledChain) else item.chosen


def _key(item: LabelledChain | PreferencePair) -> str:
    chains = (item.chain,) if isinstance(item, LabelledChain) else (item.chosen, item.rejected)
    labels = str(item.labels) if isinstance(item, LabelledChain) else "pair"
    return content_key(labels, *(text for chain in chains for text in (chain.problem, str(len(chain)), *chain.texts)))


def _kind(label: float | None) -> str:
    return "unknown" if label is None else "right" if label == 1.0 else "wrong" if label == 0.0 else "soft"


def _verifiers(row: object, reading: Reading) -> Counter[str]:
    """Verdicts of a stored trajectory by verifier and version."""
    count = Counter[str]()
    steps: list[dict[str, Any]] = cast("dict[str, Any]", row).get("steps", [])
    for step in steps:
        for name, verdict in step.get("verdicts", {}).items():
            if not reading.verifiers or name in reading.verifiers:
                count[f"{name} {verdict.get('version', '')}".strip()] += 1
    return count


def _file_key(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
