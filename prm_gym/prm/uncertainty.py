"""Uncertainty heads: a small network over what a frozen causal language model holds while it reads, for P(step is right) or P(outcome will be right).

Features of a step, without attention: the hidden states of some layers, at its last token and on average; and of its tokens' log-probabilities, entropies
and gaps to the most probable token: mean, extreme and last. Two linear layers over them, below ten million parameters; the language model is read once.

Source: in the spirit of Ni et al. 2025, Reasoning with Confidence (2511.06209), whose heads are small transformers over attention maps and probabilities. Of
AutoPSV (2405.16802) is the target "outcome"; there the whole model is trained, with a squared loss at every token.
"""

import math
import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import msgspec

from prm_gym.chains import Chain, chain_keys
from prm_gym.errors import CheckpointError, MissingExtraError, OptionError
from prm_gym.lm.batching import length_sorted
from prm_gym.lm.libraries import library
from prm_gym.prm.implicit.encoding import SEPARATOR, ChainEncoder, Spanned, Template
from prm_gym.prm.implicit.loading import Device, Precision, load_model, load_tokenizer, mark_of
from prm_gym.prm.implicit.logprobs import Batch, CausalModel, collate, step_sums
from prm_gym.prm.implicit.scoring import BATCH_TOKENS, windows

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

Target: TypeAlias = Literal["step", "outcome"]

HEAD_FILE = "head.safetensors"
MOST_PARAMETERS = 10_000_000
STATISTICS = ("logprob_mean", "logprob_min", "logprob_last", "entropy_mean", "entropy_max", "gap_mean", "gap_max", "surprises")
_KEY = "prm_gym_uncertainty"


class HeadSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is written into a head's file.

    Attributes:
        format: version of this layout.
        model: path or name of the frozen model.
        mark: of its files: with others, the features are others.
        layers: whose hidden states are read; 0 is the embeddings.
        hidden: size of the hidden states.
        width: of the layer between.
        target: what is estimated: P(this step is right), or P(the outcome will be right) after it.
        template: how chains are written.
        separator: stands after every step.
        training: how it was made, for people. JSON values.
    """

    format: Literal[1] = 1
    model: str
    mark: str
    layers: tuple[int, ...]
    hidden: int
    width: int = 128
    target: Target = "step"
    template: Template = "auto"
    separator: str = SEPARATOR
    training: dict[str, Any] = {}

    @property
    def features(self) -> int:
        """Numbers that describe a step."""
        return 2 * self.hidden * len(self.layers) + len(STATISTICS)


class UncertaintyHead(nn.Module):
    """Two linear layers over standardised features."""

    mean: Tensor
    spread: Tensor

    def __init__(self, features: int, width: int) -> None:
        """Make the layers.

        Raises:
            OptionError: they would have ten million parameters or more.
        """
        super().__init__()
        parameters = (features + 1) * width + width + 1
        if parameters >= MOST_PARAMETERS:
            raise OptionError(f"the head would have {parameters:,} parameters; below {MOST_PARAMETERS:,} are allowed: fewer layers, or a smaller width")
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.inner, self.outer = nn.Linear(features, width), nn.Linear(width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """[N] float32 log-odds of features [N, F]."""
        scaled = ((features - self.mean) / self.spread).clamp(-10.0, 10.0)
        return self.outer(nn.functional.gelu(self.inner(scaled)))[:, 0]


class StepFeatures:
    """Reads a frozen model.

    Attributes:
        model: the language model.
        encoder: of its tokenizer.
        layers: whose hidden states are read.
    """

    def __init__(
        self, model: CausalModel, encoder: ChainEncoder, layers: Sequence[int], batch_tokens: int | None = None, max_tokens: int | None = None
    ) -> None:
        """Check the layers.

        Raises:
            OptionError: the model has no such layer.
        """
        if not layers or any(not 0 <= layer <= model.layers for layer in layers):
            raise OptionError(f"layers lie from 0 to {model.layers}, got {tuple(layers)!r}")
        self.model, self.encoder, self.layers = model, encoder, tuple(layers)
        self.batch_tokens = batch_tokens or BATCH_TOKENS[model.device.type]
        self.max_tokens = max_tokens or model.longest

    def read(self, chains: Sequence[Chain]) -> list[tuple[Tensor | None, list[Tensor | None], list[int]]]:
        """Of each chain: features [F] before the first step, [T] features [F] after each, and the first step read with it; None where it does not fit."""
        encoded = [self.encoder.encode(chain) for chain in chains]
        found: list[tuple[Tensor | None, list[Tensor | None], list[int]]] = [(None, [None] * len(one.spans), [0] * len(one.spans)) for one in encoded]
        work = [(at, window) for at, one in enumerate(encoded) for window in windows(one, self.max_tokens)]
        for part in length_sorted([len(window.tokens.token_ids) for _, window in work], self.batch_tokens):
            opened, stepped = self.features([work[place][1].tokens for place in part])
            row = 0
            for place, opening in zip(part, opened, strict=True):
                at, window = work[place]
                before, after, starts = found[at]
                for index in range(window.first, window.first + len(window.tokens.spans)):
                    if index >= window.scored:
                        after[index], starts[index] = stepped[row], window.first
                    row += 1
                found[at] = (opening if window.first == 0 else before, after, starts)
        return found

    @torch.no_grad()
    def features(self, chains: Sequence[Spanned]) -> tuple[Tensor, Tensor]:
        """[B, F] before the first step of each chain, [S, F] after each step; float32, on the device."""
        batch = collate(chains, self.model.device)
        last, layers = self.model.hidden(batch, self.layers)
        rows = last.index_select(0, batch.rows)
        said = self.model.statistics(rows, batch.targets)
        sizes = step_sums(torch.ones_like(said.logprob), batch).clamp(min=1.0)
        parts: list[Tensor] = []
        opened: list[Tensor] = []
        for layer in layers:
            means = torch.zeros((batch.size, layer.shape[1]), device=layer.device).index_add(0, batch.steps, layer.index_select(0, batch.rows + 1).float())
            parts += [layer.index_select(0, batch.ends).float(), means / sizes[:, None]]
            opened += [layer.index_select(0, batch.openings).float()] * 2
        gap = said.best - said.logprob
        ends = sizes.cumsum(0).long() - 1
        columns = [_mean(said.logprob, batch, sizes), _extreme(said.logprob, batch, "amin"), said.logprob[ends]]
        columns += [_mean(said.entropy, batch, sizes), _extreme(said.entropy, batch, "amax")]
        columns += [_mean(gap, batch, sizes), _extreme(gap, batch, "amax"), _mean((gap > 0).float(), batch, sizes)]
        nothing = torch.zeros((len(chains), len(STATISTICS)), device=rows.device)
        return torch.cat([*opened, nothing], dim=1), torch.cat([*parts, torch.stack(columns, dim=1)], dim=1)


class ConfidenceScorer:
    """A head over its frozen model.

    Attributes:
        settings: of the head.
        head: the network.
        reader: of the frozen model.
    """

    def __init__(self, settings: HeadSettings, head: UncertaintyHead, reader: StepFeatures, cache: int = 100_000) -> None:
        """Put them together; see `load_head` for paths."""
        self.settings, self.head, self.reader = settings, head.to(reader.model.device).eval(), reader
        self._cache: OrderedDict[str, tuple[float | None, int]] = OrderedDict()
        self._room = cache

    def probabilities(self, chains: Sequence[Chain]) -> list[tuple[float | None, list[tuple[float | None, int]]]]:
        """Of each chain: the probability before the first step, and after each, with the first step that was read with it; None where it cannot be told."""
        keys = [[f"0 {chain_keys(Chain(chain.problem, chain.steps[:1]))[0]}", *chain_keys(chain)] for chain in chains]
        found = {key: self._cache[key] for own in keys for key in own if key in self._cache}
        asked = {own[-1]: at for at, own in enumerate(keys) if any(key not in found for key in own)}
        read = self.reader.read([chains[at] for at in asked.values()]) if asked else []
        for at, (opening, steps, starts) in zip(asked.values(), read, strict=True):
            rows = [row for row in (opening, *steps) if row is not None]
            said = iter(self._said(torch.stack(rows)) if rows else [])
            for key, row, start in zip(keys[at], (opening, *steps), (0, *starts), strict=True):
                found[key] = (next(said) if row is not None else None, start)
        self._cache |= {key: found[key] for at in asked.values() for key in keys[at]}
        while len(self._cache) > self._room:
            self._cache.popitem(last=False)
        return [(found[own[0]][0], [found[key] for key in own[1:]]) for own in keys]

    def _said(self, features: Tensor) -> list[float | None]:
        with torch.no_grad():
            values = cast("list[float]", self.head(features).sigmoid().tolist())
        return [value if math.isfinite(value) else None for value in values]


def save_head(path: str | Path, head: UncertaintyHead, settings: HeadSettings) -> Path:
    """Write a head in one step, as safetensors with its settings as metadata; into a folder as `head.safetensors`."""
    file = Path(path) if str(path).endswith(".safetensors") else Path(path) / HEAD_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    weights = {name: weight.detach().cpu().contiguous() for name, weight in head.state_dict().items()}
    library("safetensors.torch").save_file(weights, temporary, metadata={_KEY: msgspec.json.encode(settings).decode()})
    temporary.replace(file)
    return file


def is_head(path: str | Path) -> bool:
    """Whether a path is that of a head: a file of safetensors, or a folder with one."""
    return Path(path).is_file() or (Path(path) / HEAD_FILE).is_file()


def load_head(
    path: str | Path,
    *,
    model: str | None = None,
    device: Device = "auto",
    dtype: Precision = "auto",
    batch_tokens: int | None = None,
    max_tokens: int | None = None,
    trust_remote_code: bool = False,
) -> ConfidenceScorer:
    """A head with its frozen model.

    Args:
        path: of the head, or of its folder.
        model: of the frozen model, where it lies elsewhere now.
        device: "auto" for CUDA where there is one.
        dtype: of the frozen model.
        batch_tokens: tokens of a padded batch.
        max_tokens: of a chain; longer ones are read in windows.
        trust_remote_code: run the code that a checkpoint brings.

    Raises:
        CheckpointError: it is no head, or the model is not the one that it was trained on.
    """
    file = Path(path) / HEAD_FILE if Path(path).is_dir() else Path(path)
    try:
        with library("safetensors").safe_open(file, framework="pt") as stream:
            said: str | None = dict(stream.metadata() or {}).get(_KEY)
            weights = {str(name): stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - it is no mapping
    except Exception as error:  # whatever is wrong with the file
        raise CheckpointError(f"{file} cannot be read as a head: {type(error).__name__}: {error}") from error
    if said is None:
        raise CheckpointError(f"{file} is no head of prm_gym: its metadata has no {_KEY!r}")
    try:
        settings = msgspec.json.decode(said, type=HeadSettings)
        head = UncertaintyHead(settings.features, settings.width)
        head.load_state_dict(weights)
    except (msgspec.DecodeError, RuntimeError, OptionError) as error:
        raise CheckpointError(f"{file} is a broken head: {error}") from error
    if any(not bool(weight.isfinite().all()) for weight in weights.values()):
        raise CheckpointError(f"{file} is a broken head: some weights are no numbers")
    name = model or settings.model
    if mark_of(name) != settings.mark:
        raise CheckpointError(
            f"The head {file} was trained on the model {settings.model} with other files than {name} has: what it reads would be something else"
        )
    causal = CausalModel(load_model(name, device, dtype, trust_remote_code=trust_remote_code))
    encoder = ChainEncoder(load_tokenizer(name, trust_remote_code=trust_remote_code), settings.template, settings.separator)
    return ConfidenceScorer(settings, head, StepFeatures(causal, encoder, settings.layers, batch_tokens, max_tokens))


def _mean(values: Tensor, batch: Batch, sizes: Tensor) -> Tensor:
    return step_sums(values, batch) / sizes


def _extreme(values: Tensor, batch: Batch, which: Literal["amin", "amax"]) -> Tensor:
    return torch.zeros(batch.size, device=values.device).scatter_reduce(0, batch.steps, values.float(), which, include_self=False)
