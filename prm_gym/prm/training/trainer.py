"""The loop: updates, evaluations, saved states; it goes on where it was stopped, with the same weights as if it had not been.

What an epoch trains on and in which order is a function of seed and epoch, the rate one of the update; so the state holds weights, moments, random states
and counts alone.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from prm_gym.errors import OptionError
from prm_gym.prm.training import domains, state
from prm_gym.prm.training.batching import Batch, Item, Tokens, collate, items_of, length_of, plan
from prm_gym.prm.training.config import TrainingConfig
from prm_gym.prm.training.data import Data
from prm_gym.prm.training.evaluating import Examiner, figures, pair_nll
from prm_gym.prm.training.models import StepModel
from prm_gym.prm.training.optimizing import batch_loss, counts_of, make_optimizer, on_device, rate_at
from prm_gym.prm.training.targets import class_weights, domain_factors, targets_of
from prm_gym.prm.training.tokens import Encoder

EVALUATIONS = 10
LOG_EVERY = 10


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """How far a training is, for whoever watches.

    Attributes:
        update: updates that are done.
        total: of all.
        loss: mean over the last updates; None before the first.
        tokens: that were read.
        held_out: value of the last evaluation that decides what is best; None before the first.
    """

    update: int
    total: int
    loss: float | None
    tokens: int
    held_out: float | None


Watch = Callable[[Notice], None]


class Trainer:
    """One training, in one folder."""

    def __init__(self, config: TrainingConfig, model: StepModel, train: Data, meta: Data, examiner: Examiner, directory: Path, key: str) -> None:
        """Tokenise what is trained on, and read where the training stands.

        Args:
            config: of the whole training.
            model: on its device.
            train: what is trained on.
            meta: problems that the weights of domains are learned by; empty for none.
            examiner: of the held-out problems.
            directory: of the states.
            key: of settings and data.
        """
        self.config, self.model, self.examiner, self.directory = config, model, examiner, directory
        self.dtype = precision_of(config.run.precision, model.device)
        encoder = Encoder(model.family, model.tokenizer, model.max_context, config.loss.tolerance, with_text=config.text_weight > 0.0)
        self.domains = sorted({item.domain for item in (*train.chains, *train.pairs)})
        flat = np.concatenate([np.zeros(0), *(targets_of(each.labels, config.loss.tolerance) for each in train.chains)])
        classes = class_weights(flat[~np.isnan(flat)]) if config.loss.balance == "class" else (1.0, 1.0)
        factors = domain_factors((*train.chains, *train.pairs), config.loss.domain_weights)
        chains = encoder.chains(train.chains, classes, factors, self.domains)
        self.tokens: list[Tokens] = list(chains.chains)
        self.pair_items: list[Item] = []
        self.left_out = {"steps": chains.left_out, "pairs": 0}
        if train.pairs and config.loss.preference_weight:
            self._add_pairs(train, encoder)
        self.chain_count = len(chains.chains)
        self.meta_tokens = encoder.chains(meta.chains).chains
        if config.loss.learn_domain_weights and (len(self.domains) < 2 or not self.meta_tokens):
            raise OptionError(f"weights of domains are learned where there are two of them; there is {', '.join(map(repr, self.domains))}")
        self._plans: dict[int, list[list[Item]]] = {}
        lengths = [len(self._plan(epoch)) for epoch in range(config.run.epochs)]
        self.groups = [-(-length // config.run.accumulate) for length in lengths]
        self.total = min(sum(self.groups), config.run.max_updates or sum(self.groups))
        if not self.total:
            raise OptionError("no step that is trained on fits into the context, or none has a label that counts")
        self.evaluate_every = config.run.evaluate_every or max(1, -(-self.total // EVALUATIONS))
        self.save_every = config.run.save_every or self.evaluate_every
        self.weights = model.trainable()
        self.optimizer = make_optimizer(self.weights, config)
        self.progress = state.read_progress(directory) or state.Progress(key=key, log_weights=[0.0] * len(self.domains))
        if self.progress.key != key:
            raise OptionError(f"{directory} holds the state of another training (other settings or data); choose another folder, or delete it")
        self._last_value: float | None = None

    def _add_pairs(self, train: Data, encoder: Encoder) -> None:
        tokens, items, self.left_out["pairs"] = encoder.pairs(train.pairs, domain_factors((*train.chains, *train.pairs), self.config.loss.domain_weights))
        shift = len(self.tokens)
        self.tokens += tokens
        self.pair_items = [msgspec.structs.replace(item, index=item.index + shift, rejected=item.rejected + shift) for item in items]

    def run(self, watch: Watch) -> state.Progress:
        """Train to the end; the model then has the best weights.

        Args:
            watch: is told after every update.
        """
        devices = [self.model.device] if self.model.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self.config.run.seed)
            if self.progress.update:
                state.load_state(self.directory, self.weights, self.optimizer)
            self._forget_later_metrics()
            self._updates(watch)
        state.load_best(self.directory, self.progress.best_update, self.weights)
        return self.progress

    def _updates(self, watch: Watch) -> None:
        progress, run = self.progress, self.config.run
        self.model.model.train()
        began, before, lately = time.process_time(), progress.seconds, list[torch.Tensor]()
        loss: float | None = None
        for group in self._groups_from(progress.update):
            if progress.ended or progress.update >= self.total:
                break
            rate = self.config.learning_rate * rate_at(progress.update, self.total, run.warmup, run.schedule)
            lately.append(self._update(group, rate))
            progress.update += 1
            progress.tokens += sum(batch.tokens for batch in group)
            progress.padded += sum(batch.ids.size for batch in group)
            progress.seconds = before + time.process_time() - began
            evaluated = progress.update % self.evaluate_every == 0 or progress.update == self.total
            saved = evaluated or progress.update % self.save_every == 0
            if progress.update % LOG_EVERY == 0 or saved:
                loss = float(torch.stack(lately).mean())  # waits for the device
                lately.clear()
                if not math.isfinite(loss):
                    raise OptionError(f"the loss is no number after update {progress.update}: give a lower learning rate than {self.config.learning_rate:g}")
                self._log({"kind": "train", "update": progress.update, "loss": loss, "rate": rate, "tokens": progress.tokens, "seconds": progress.seconds})
            if evaluated:
                self._evaluate()
            if saved:
                state.save_state(self.directory, progress, self.weights, self.optimizer)
                state.forget_others(self.directory, progress.best_update)
            watch(Notice(update=progress.update, total=self.total, loss=loss, tokens=progress.tokens, held_out=self._last_value))

    def _update(self, group: Sequence[Batch], rate: float) -> torch.Tensor:
        """One update on some batches; its loss, on the device."""
        if self.config.loss.learn_domain_weights and self.progress.update % domains.EVERY == 0:
            self._adapt_domains()
        learned = self._domain_weights()
        counts = counts_of(group)
        total = torch.zeros((), device=self.model.device)
        for batch in group:
            with self._autocast():
                loss = batch_loss(self.model, on_device(batch, self.model.device), self.config, learned, counts)
            loss.backward()
            total += loss.detach()
        torch.nn.utils.clip_grad_norm_(self.weights.values(), self.config.run.clip)
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total

    def _domain_weights(self) -> torch.Tensor | None:
        if not self.config.loss.learn_domain_weights:
            return None
        return torch.tensor(self.progress.log_weights, device=self.model.device).exp()

    def _adapt_domains(self) -> None:
        generator = np.random.default_rng((self.config.run.seed, self.progress.update, 3))
        own = [[at for at in range(self.chain_count) if self.tokens[at].domain == place] for place in range(len(self.domains))]
        losses = [self._drawn_loss(self.tokens, places, generator) for places in own]
        meta = self._drawn_loss(self.meta_tokens, list(range(len(self.meta_tokens))), generator)
        if meta is not None:
            found = domains.cosines(list(self.weights.values()), meta, losses)
            self.progress.log_weights = domains.adapted(self.progress.log_weights, found)

    def _drawn_loss(self, tokens: Sequence[Tokens], places: list[int], generator: np.random.Generator) -> Callable[[], torch.Tensor] | None:
        """The loss of one batch of randomly drawn chains; None where there is none with a label."""
        drawn: list[Item] = []
        budget = self.config.run.batch_tokens
        order: list[int] = generator.permutation(places).tolist()
        for at in order:
            each = tokens[at]
            if (each.weights > 0.0).any():
                budget -= len(each.ids)
                if drawn and budget < 0:
                    break
                drawn.append(Item(at, 0, len(each.positions)))
        if not drawn:
            return None
        batch = collate(drawn, tokens)

        def loss() -> torch.Tensor:
            with self._autocast():
                return batch_loss(self.model, on_device(batch, self.model.device), self.config, None, counts_of([batch]))

        return loss

    def _evaluate(self) -> None:
        """Ask about the held-out problems; keep the weights if nothing was better; end when it has not become better for long."""
        progress, run = self.progress, self.config.run
        said = self.examiner.ask(self.model, self.dtype)
        found = figures(said)
        value = pair_nll(said) if not self.examiner.chains else found.nll + self.config.loss.preference_weight * pair_nll(said)
        if run.select == "f1" and self.examiner.chains:
            value = 1.0 - (found.macro_f1 if found.first_error_f1 is None else found.first_error_f1)
        if not math.isfinite(value):
            raise OptionError("nothing can be said of the held-out problems: no labelled step of them fits into the context")
        self._last_value = value
        row = {"kind": "held-out", "update": progress.update, "value": value, **msgspec.to_builtins(found)}
        if self.config.loss.learn_domain_weights:
            row["domain_weights"] = dict(zip(self.domains, np.exp(progress.log_weights).round(4).tolist(), strict=True))
        self._log(row)
        if progress.best_update < 0 or value < progress.best_value:
            progress.best_update, progress.best_value, progress.worse = progress.update, value, 0
            state.save_best(self.directory, progress.update, self.weights)
        else:
            progress.worse += 1
            if run.patience and progress.worse >= run.patience:
                progress.ended = f"no better one in {progress.worse} evaluations"

    def _plan(self, epoch: int) -> list[list[Item]]:
        """The batches of an epoch; the last two that were asked for are kept."""
        if epoch not in self._plans:
            run = self.config.run
            items = [*items_of(self.tokens[: self.chain_count], self.config.loss.sampling, run.seed, epoch), *self.pair_items]
            while len(self._plans) > 1:
                self._plans.pop(next(iter(self._plans)))
            self._plans[epoch] = plan(items, [length_of(item, self.tokens) for item in items], run.batch_tokens, run.seed, epoch)
        return self._plans[epoch]

    def _groups_from(self, update: int) -> Iterator[list[Batch]]:
        """The batches of each update, from one on."""
        size = self.config.run.accumulate
        for epoch, count in enumerate(self.groups):
            for at in range(min(update, count), count):
                yield [collate(items, self.tokens) for items in self._plan(epoch)[at * size : (at + 1) * size]]
            update = max(0, update - count)

    def _autocast(self) -> Any:
        return torch.autocast(self.model.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32)

    def _log(self, row: dict[str, Any]) -> None:
        with (self.directory.parent / "metrics.jsonl").open("ab") as file:
            file.write(msgspec.json.encode(row) + b"\n")

    def _forget_later_metrics(self) -> None:
        """Drop the rows that were written after the state, which will be written again; and a torn last line."""
        path = self.directory.parent / "metrics.jsonl"
        if path.is_file():
            kept: list[bytes] = []
            for line in path.read_bytes().splitlines():
                try:
                    row: Any = json.loads(line)
                except ValueError:
                    continue
                if row.get("update", 0) <= self.progress.update:
                    kept.append(line + b"\n")
            temporary = path.with_name(path.name + ".tmp")
            temporary.write_bytes(b"".join(kept))
            temporary.replace(path)


def precision_of(name: str, device: torch.device) -> torch.dtype:
    """The type that products of matrices are computed in."""
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return torch.bfloat16 if name == "bfloat16" else torch.float32
