"""What a model says of held-out chains and pairs."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import torch

from prm_gym.prm.evaluation.pairwise import by_scores
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.pairs import PreferencePair
from prm_gym.prm.training.batching import Floats, Item, Tokens, collate, length_of
from prm_gym.prm.training.data import Data
from prm_gym.prm.training.metrics import HeldOut, held_out
from prm_gym.prm.training.models import StepModel
from prm_gym.prm.training.optimizing import on_device
from prm_gym.prm.training.targets import targets_of
from prm_gym.prm.training.tokens import Encoder, Tokenised, by_chain


class Said(NamedTuple):
    """Of held-out data.

    Attributes:
        logits: of each chain [T] z.
        targets: of each chain [T] labels; NaN where there is none, or the step does not fit into the context.
        pairs: [K, 2] z at the better and the worse end.
    """

    logits: list[Floats]
    targets: list[Floats]
    pairs: Floats


class Examiner:
    """Held-out data in tokens, read again and again."""

    def __init__(self, data: Data, encoder: Encoder, batch_tokens: int) -> None:
        """Tokenise the data; without tolerance, class or domain weights, which are matters of training."""
        self.chains: Sequence[LabelledChain] = data.chains
        self.pairs: Sequence[PreferencePair] = data.pairs
        self._plain = msgspec.structs.replace(encoder, tolerance=0, with_text=False)
        self._tokenised: Tokenised = self._plain.chains(data.chains)
        self._pair_tokens, self._pair_items, _ = self._plain.pairs(data.pairs)
        self._batch_tokens = batch_tokens

    def ask(self, model: StepModel, dtype: torch.dtype) -> Said:
        """What the model says; its mode is put back."""
        training = bool(model.model.training)
        model.model.eval()
        items = [Item(at, 0, len(tokens.positions)) for at, tokens in enumerate(self._tokenised.chains)]
        found = self._read(model, items, self._tokenised.chains, dtype)
        logits = by_chain(found, self._tokenised, self.chains)
        ends = [Item(at, len(tokens.positions) - 1, len(tokens.positions)) for at, tokens in enumerate(self._pair_tokens)]
        read = self._read(model, ends, self._pair_tokens, dtype)
        pairs = np.array([(read[item.index][0], read[item.rejected][0]) for item in self._pair_items]).reshape(-1, 2)
        model.model.train(training)
        targets = [np.where(np.isnan(z), np.nan, targets_of(each.labels)) for z, each in zip(logits, self.chains, strict=True)]
        return Said(logits, targets, pairs)

    def _read(self, model: StepModel, items: Sequence[Item], tokens: Sequence[Tokens], dtype: torch.dtype) -> list[Floats]:
        """Z [T] of each item, longest first, so that a batch that does not fit into memory is met at once."""
        lengths = [length_of(item, tokens) for item in items]
        order = sorted(range(len(items)), key=lambda at: -lengths[at])
        found: list[Floats] = [np.zeros(0)] * len(items)
        start = 0
        while start < len(order):
            count = max(1, self._batch_tokens // lengths[order[start]])
            part = order[start : start + count]
            batch = collate([items[at] for at in part], tokens)
            device = on_device(batch, model.device)
            with torch.no_grad(), torch.autocast(model.device.type, dtype=dtype, enabled=dtype != torch.float32):
                z = model.logits(device.ids, device.rows, device.columns).double().cpu().numpy()
            ends = np.cumsum([items[at].end - items[at].first for at in part])
            for at, piece in zip(part, np.split(z, ends[:-1]), strict=True):
                found[at] = piece
            start += count
        return found


def figures(said: Said, threshold: float = 0.5, temperature: float = 1.0) -> HeldOut:
    """The figures of what was said."""
    finite = [np.where(np.isnan(z), 0.0, z) for z in said.logits]  # their targets are NaN too
    found = held_out(finite, said.targets, threshold, temperature)
    if not len(said.pairs):
        return found
    score = float(np.mean([by_scores(better, worse).score for better, worse in said.pairs.tolist()]))
    return msgspec.structs.replace(found, pairs=len(said.pairs), pair_accuracy=score)


def pair_nll(said: Said) -> float:
    """Mean Bradley-Terry loss of the pairs, in nats; 0 without any."""
    return float(np.logaddexp(0.0, said.pairs[:, 1] - said.pairs[:, 0]).mean()) if len(said.pairs) else 0.0
