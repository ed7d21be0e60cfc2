"""Generator: text that a causal language model writes, or chooses from lists, for many episodes at once; keys and values are kept between their steps."""

import math
from collections.abc import Callable, Sequence
from collections.abc import Generator as Yields
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from prm_gym.credit.array_types import FloatArray, IntArray
from prm_gym.errors import CheckpointError, DivergedError, MissingExtraError
from prm_gym.lm.batching import length_sorted
from prm_gym.lm.choices import Choice, ChoiceTrie, choose
from prm_gym.lm.compiling import compiled_backbone
from prm_gym.lm.sampling import Sampling, drawn, log_distribution
from prm_gym.lm.slots import Slots, View
from prm_gym.lm.vocabulary import VocabularyHead

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

BATCH_TOKENS = {"cpu": 1 << 12, "cuda": 1 << 15}  # that are read in one forward, with padding
LOGITS = {"cpu": 1 << 22, "cuda": 1 << 27}  # at a time
_PROBE = 12
_NO_NUMBERS = "what the model says of the next token is no number (its weights have diverged, or its dtype is too narrow); nothing can be drawn from it"


class Sampled(NamedTuple):
    """What was written.

    Attributes:
        token_ids: with the end token, unless the limit came first.
        logprobs: of each token under the distribution that it was drawn from.
    """

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]


class Generator:
    """A model that continues contexts.

    Attributes:
        model: of Hugging Face, or of PEFT around one.
        slots: what is kept of the episodes.
        head: backbone and vocabulary.
        read: tokens that were run through the model, without padding, since the beginning; `written` of them were sampled ones.
    """

    def __init__(self, model: Any, cache_bytes: int | None = None, compiled: bool = False) -> None:
        """Take a model, and try on a few tokens whether it goes on from kept keys and values as if it had read everything.

        Args:
            model: causal.
            cache_bytes: of keys and values that are kept, at the most; a row of the longest context in any case. None for 2 GiB on a CPU, a quarter of
                the memory of a card.
            compiled: run the step that writes one token through torch.compile.

        Raises:
            OptionError: it is to be compiled, and there is no compiler.
            CheckpointError: it does not (a recurrent model, a sliding window that is too short), or is not causal.
        """
        self.model = model
        self.head = VocabularyHead(model)
        self.device = next(model.parameters()).device
        self._step = compiled_backbone(self.head.backbone, self.device) if compiled else self.head.backbone
        self.read = self.written = 0
        model.eval()
        with torch.no_grad():
            self.slots = self._probed(_usual_bytes(self.device) if cache_bytes is None else cache_bytes)

    def forget(self) -> None:
        """The weights have changed: what was kept is worth nothing."""
        self.slots.invalidate()

    def sample(
        self,
        contexts: Sequence[list[int]],
        owners: Sequence[str],
        uniforms: NDArray[np.float64],
        sampling: Sampling,
        ended: Callable[[list[int]], bool],
        begun: Sequence[Sequence[int]] = (),
    ) -> list[Sampled]:
        """Continue every context until it has ended.

        Args:
            contexts: [B] tokens, at least one each.
            owners: [B] episodes, under whose names keys and values are kept; empty for no name.
            uniforms: [B, L] in [0, 1), one for each token that may be written: L is the limit.
            sampling: how tokens are drawn.
            ended: whether a row has come to its end with the tokens that it has written.
            begun: [B] of these, those that are written already, fewer than L and without an end; nothing where none are.

        Returns:
            [B], in order, without what was begun: token i of a text is drawn with uniform i whether the text is written in one go or in two.
        """
        found: list[Sampled] = []
        begun = begun or [()] * len(contexts)
        room = max(map(len, contexts), default=0) + uniforms.shape[1]
        part = self.slots.capacity(room)
        for start in range(0, len(contexts), part):
            rows = slice(start, start + part)
            writer = _Writing(list(contexts[rows]), list(owners[rows]), uniforms[rows], begun[rows])
            with self._evaluating():
                found += self._written(writer, room, sampling, ended)
        return found

    def log_probabilities(self, context: Sequence[int], token_ids: Sequence[int], sampling: Sampling) -> list[float]:
        """Of tokens behind a context, by one forward over both, without anything kept.

        Args:
            context: at least one token.
            token_ids: behind it.
            sampling: the distribution.
        """
        with self._evaluating():
            ids = torch.tensor([[*context, *token_ids]], device=self.device)
            hidden = self.head.backbone(input_ids=ids[:, :-1], use_cache=False).last_hidden_state[0, len(context) - 1 :]
            found = log_distribution(self.head.logits(hidden), sampling).gather(1, ids[0, len(context) :, None])[:, 0]
        return cast("list[float]", found.double().tolist())

    def choose(
        self, contexts: Sequence[list[int]], owners: Sequence[str], tries: Sequence[ChoiceTrie], uniforms: Sequence[float | None], temperature: float
    ) -> list[Choice]:
        """Choose an action of a list for every context.

        Args:
            contexts: [B] tokens, at least one each.
            owners: [B] episodes.
            tries: [B] the lists.
            uniforms: [B] in [0, 1); None for the most probable action.
            temperature: of the choice, > 0.

        Returns:
            [B], in order.
        """
        found: list[Choice] = []
        room = max((len(context) + len(trie.read) for context, trie in zip(contexts, tries, strict=True)), default=0)
        part = self.slots.capacity(room)
        for start in range(0, len(contexts), part):
            rows = slice(start, start + part)
            with self._evaluating():
                logits = self._asked(list(contexts[rows]), list(owners[rows]), list(tries[rows]), room)
            for trie, values, uniform in zip(tries[rows], logits, uniforms[rows], strict=True):
                if not np.isfinite(values).all():
                    raise DivergedError(_NO_NUMBERS)
                found.append(choose(trie, trie.log_probabilities(values, temperature), uniform))
        return found

    def _written(self, writing: "_Writing", room: int, sampling: Sampling, ended: Callable[[list[int]], bool]) -> list[Sampled]:
        slots = self.slots
        hidden, place = self._read([[*context, *tokens] for context, tokens in zip(writing.contexts, writing.tokens, strict=True)], writing.owners, room)
        alive = list(range(len(place)))
        while True:
            chosen, logprobs = self._drawn(hidden, torch.from_numpy(writing.next_uniforms(alive)), sampling)
            writing.append(alive, chosen, logprobs)
            alive = [row for row in alive if not writing.is_full(row) and not ended(writing.tokens[row])]
            if not alive:
                break
            width = max(place[row] for row in alive) + 1
            if 4 * len(alive) <= 3 * width:
                moved = slots.to_front([place[row] for row in alive])
                place = [moved.get(row, row) for row in place]
                width = len(alive)
            hidden = self._next(alive, place, writing, width)
        return writing.written()

    def _drawn(self, hidden: Tensor, uniforms: Tensor, sampling: Sampling) -> tuple[list[int], list[float]]:
        """The next token of each row of hidden states [B, H], and its log-probability; as many rows at a time as logits fit."""
        found: list[Tensor] = []
        size = max(1, LOGITS[self.device.type] // self.head.rows)
        numbers = uniforms.to(self.device)
        for start in range(0, len(hidden), size):
            distribution = log_distribution(self.head.logits(hidden[start : start + size]), sampling)
            chosen = distribution.argmax(dim=-1) if sampling.greedy else drawn(distribution, numbers[start : start + size])
            found.append(torch.stack([chosen.double(), distribution.gather(1, chosen[:, None])[:, 0].double()]))
        tokens, values = cast("list[list[float]]", torch.cat(found, dim=1).tolist())  # one copy to the host
        if not all(map(math.isfinite, values)):
            raise DivergedError(_NO_NUMBERS)
        return [int(token) for token in tokens], values

    def _next(self, alive: Sequence[int], place: Sequence[int], writing: "_Writing", width: int) -> Tensor:
        """Read the token that each living row has written last; hidden states [len(alive), H]."""
        slots = self.slots
        ids, columns = [0] * width, [slots.columns] * width
        for row in alive:
            at = place[row]
            ids[at], columns[at] = writing.tokens[row][-1], len(slots.tokens[at])
            slots.tokens[at].append(ids[at])
        self.read, self.written = self.read + len(alive), self.written + len(alive)
        numbers = torch.tensor([ids, columns], device=self.device)
        column = numbers[1][:, None]
        position = torch.where(column == slots.columns, 0, column)
        span = max(len(slots.tokens[place[row]]) for row in alive)
        visible = torch.arange(span, device=self.device) <= position[:, :, None]
        hidden = self._forward(self._step, numbers[0][:, None], position, visible, View(slots.table, None, column, span))
        return hidden[torch.tensor([place[row] for row in alive], device=self.device), 0]

    def _read(self, contexts: Sequence[list[int]], owners: Sequence[str], room: int) -> tuple[Tensor, list[int]]:
        """Read contexts to their ends; the last hidden states [B, H], and the row of each."""
        place = self.slots.place(owners, contexts, room)
        origin = _origins(contexts)
        fresh = sorted(set(origin))
        lengths = [len(contexts[row]) - len(self.slots.tokens[place[row]]) for row in fresh]
        last: dict[int, Tensor] = {}
        for group in length_sorted(lengths, BATCH_TOKENS[self.device.type]):
            rows = sorted((fresh[i] for i in group), key=place.__getitem__)
            ends = torch.tensor([len(contexts[row]) - len(self.slots.tokens[place[row]]) - 1 for row in rows], device=self.device)
            hidden = self._read_group([contexts[row] for row in rows], [place[row] for row in rows])
            for row, state in zip(rows, hidden[torch.arange(len(rows), device=self.device), ends], strict=True):
                last[row] = state
        self._copy(origin, place, contexts)
        return torch.stack([last[row] for row in origin]), place

    def _copy(self, origin: Sequence[int], place: Sequence[int], contexts: Sequence[list[int]]) -> None:
        """Give every context that is the same as an earlier one, `origin`, what was read of that."""
        copies = [row for row, first in enumerate(origin) if first != row]
        self.slots.copy([place[origin[row]] for row in copies], [place[row] for row in copies], [len(contexts[row]) for row in copies])

    def _read_group(self, contexts: Sequence[list[int]], place: Sequence[int], tries: Sequence[ChoiceTrie] = ()) -> Tensor:
        """Read what is not known of some contexts, and behind them the nodes of tries that must be read, padded on the right.

        Args:
            contexts: [b] tokens.
            place: [b] their rows.
            tries: [b] each node sees its context and the nodes before it on its way; none for contexts alone.

        Returns:
            [b, n, H] hidden states, those of the tokens of each context and then those of its nodes.
        """
        slots = self.slots
        known = [len(slots.tokens[row]) for row in place]
        ends = [len(context) + (len(tries[i].read) if tries else 0) for i, context in enumerate(contexts)]
        width = max(end - length for end, length in zip(ends, known, strict=True))
        numbers = np.zeros((4, len(contexts), width), dtype=np.int64)
        ids, columns, positions, sights = numbers
        columns[:] = slots.columns
        above: list[IntArray] = []  # [3, k] of each trie: row, node, and the column of a node that it sees
        for i, (context, length, end) in enumerate(zip(contexts, known, ends, strict=True)):
            new, size = len(context) - length, end - length
            ids[i, :new] = context[length:]
            columns[i, :size] = np.arange(length, end)
            positions[i, :new] = sights[i, :new] = columns[i, :new]
            if size > new:
                nodes = tries[i].read
                ids[i, new:size], positions[i, new:size] = tries[i].tokens[nodes], len(context) - 1 + tries[i].depths[nodes]
                sights[i, new:size] = len(context) - 1
                node, seen = tries[i].sight().nonzero()
                above.append(np.stack([np.full_like(node, i), new + node, len(context) + seen]))
            slots.tokens[place[i]] = list(context)
            self.read += size
        tensors = torch.from_numpy(numbers).to(self.device)
        visible = torch.arange(max(ends), device=self.device) <= tensors[3][:, :, None]
        if above:
            row, node, column = torch.from_numpy(np.concatenate(above, axis=1)).to(self.device)
            visible[row, node, column] = True
        rows = None if list(place) == list(range(len(place))) else torch.tensor(list(place), device=self.device)
        return self._forward(self.head.backbone, tensors[0], tensors[2], visible, View(slots.table, rows, tensors[1], max(ends)))

    def _asked(self, contexts: Sequence[list[int]], owners: Sequence[str], tries: Sequence[ChoiceTrie], room: int) -> list[FloatArray]:
        """The logits of the asked nodes of every trie, in their order. What is new of a context and its trie are read together."""
        slots = self.slots
        place = slots.place(owners, contexts, room)
        self._read_alike(contexts, place)
        found: list[FloatArray] = [np.empty(0)] * len(tries)
        sizes = [len(context) - len(slots.tokens[row]) + len(trie.read) for context, row, trie in zip(contexts, place, tries, strict=True)]
        for batch in length_sorted(sizes, BATCH_TOKENS[self.device.type]):
            group = sorted(batch, key=place.__getitem__)
            starts = [len(contexts[row]) - len(slots.tokens[place[row]]) for row in group]
            states = self._read_group([contexts[row] for row in group], [place[row] for row in group], [tries[row] for row in group])
            wanted: list[tuple[int, int, int]] = []
            for i, (row, start) in enumerate(zip(group, starts, strict=True)):
                trie = tries[row]
                column = {0: start - 1, **{node: start + at for at, node in enumerate(trie.read)}}
                wanted += [(i, column[int(trie.parents[node])], int(trie.tokens[node])) for node in trie.asked]
            values = self._logits_of(states, wanted)
            start = 0
            for row in group:
                size = len(tries[row].asked)
                found[row], start = values[start : start + size], start + size
        return found

    def _read_alike(self, contexts: Sequence[list[int]], place: Sequence[int]) -> None:
        """Read contexts that several have once, up to their last token."""
        origin = _origins(contexts)
        shared = sorted({first for row, first in enumerate(origin) if first != row and len(contexts[row]) > 1})
        beginnings = {row: contexts[row][:-1] for row in shared}
        unread = [row for row in shared if len(self.slots.tokens[place[row]]) < len(beginnings[row])]
        lengths = [len(beginnings[row]) - len(self.slots.tokens[place[row]]) for row in unread]
        for batch in length_sorted(lengths, BATCH_TOKENS[self.device.type]):
            group = sorted((unread[i] for i in batch), key=place.__getitem__)
            self._read_group([beginnings[row] for row in group], [place[row] for row in group])
        short = [row for row, first in enumerate(origin) if first in beginnings and len(self.slots.tokens[place[row]]) < len(beginnings[first])]
        self.slots.copy([place[origin[row]] for row in short], [place[row] for row in short], [len(beginnings[origin[row]]) for row in short])

    def _logits_of(self, states: Tensor, wanted: Sequence[tuple[int, int, int]]) -> FloatArray:
        """The logit of a token after a state, for each of (row, column, token)."""
        if not wanted:
            return np.empty(0)
        places, inverse = np.unique([row * states.shape[1] + column for row, column, _ in wanted], return_inverse=True)
        tokens = np.array([token for _, _, token in wanted])
        hidden = states.flatten(0, 1)[torch.from_numpy(places).to(self.device)]
        size = max(1, LOGITS[self.device.type] // self.head.rows)
        found = np.empty(len(tokens))
        for start in range(0, len(places), size):
            here = np.flatnonzero((inverse >= start) & (inverse < start + size))
            logits = self.head.logits(hidden[start : start + size])
            found[here] = logits[torch.from_numpy(inverse[here] - start).to(self.device), torch.from_numpy(tokens[here]).to(self.device)].double().cpu().numpy()
        return found

    def _forward(self, backbone: Any, ids: Tensor, positions: Tensor, visible: Tensor, view: View) -> Tensor:
        """Hidden states [b, q, H] of new tokens.

        Args:
            backbone: compiled or not.
            ids: [b, q] int64.
            positions: [b, q] int64.
            visible: [b, q, span] bool, which columns each sees; at least one.
            view: of the table.
        """
        return backbone(input_ids=ids, position_ids=positions, attention_mask=visible[:, None], past_key_values=view, use_cache=True).last_hidden_state

    @contextmanager
    def _evaluating(self) -> Yields[None]:
        """Without gradients and dropout; the model is put back as it was. What breaks off (Ctrl-C, too little memory) leaves nothing that is taken for read."""
        training = bool(self.model.training)
        self.model.eval()
        try:
            with torch.no_grad():
                yield
        except BaseException:
            self.slots.invalidate()
            raise
        finally:
            self.model.train(training)

    def _probed(self, cache_bytes: int) -> Slots:
        """Empty slots of the model's shapes.

        Raises:
            CheckpointError: the model cannot be run so.
        """
        backbone, device = self.head.backbone, self.device
        ids = torch.arange(_PROBE, device=device)[None] % self.head.rows
        whole = backbone(input_ids=ids, use_cache=True)
        pairs = [(getattr(layer, "keys", None), getattr(layer, "values", None)) for layer in getattr(getattr(whole, "past_key_values", None), "layers", [])]
        kept = [(keys, values) for keys, values in pairs if isinstance(keys, Tensor) and isinstance(values, Tensor) and keys.dim() == values.dim() == 4]
        if not kept or len(kept) != len(pairs):
            raise CheckpointError(f"{type(self.model).__name__} keeps no keys and values of attention in every layer; a transformer is needed")
        shapes = [((keys.shape[1], keys.shape[3]), (values.shape[1], values.shape[3])) for keys, values in kept]
        dtype = kept[0][0].dtype
        slots = Slots(shapes, dtype, device, cache_bytes)
        self.slots = slots
        context = [int(token) for token in ids[0]]
        self._read([context[: _PROBE // 2]], [""], _PROBE)
        slots.owners[0] = "probe"
        last, _ = self._read([context], ["probe"], _PROBE)
        slots.forget()
        expected = whole.last_hidden_state[0, -1].float()
        apart = float((last[0].float() - expected).norm() / expected.norm().clamp(min=1e-12))
        if not apart <= (1e-3 if dtype == torch.float32 else 0.1):  # also where it is no number
            raise CheckpointError(f"{type(self.model).__name__} does not go on from kept keys and values as if it had read everything (apart by {apart:.2g})")
        return slots


def _usual_bytes(device: torch.device) -> int:
    """That keys and values may take where nobody says."""
    if device.type != "cuda":
        return 1 << 31
    cuda: Any = torch.cuda  # its own annotations are partial
    return int(cuda.get_device_properties(device).total_memory) // 4


def _origins(contexts: Sequence[list[int]]) -> list[int]:
    """For each context the first that is the same: attempts at one task begin alike."""
    first: dict[tuple[int, ...], int] = {}
    return [first.setdefault(tuple(context), row) for row, context in enumerate(contexts)]


class _Writing:
    """Rows that are being written."""

    def __init__(self, contexts: list[list[int]], owners: list[str], uniforms: NDArray[np.float64], begun: Sequence[Sequence[int]]) -> None:
        self.contexts, self.owners, self.uniforms = contexts, owners, uniforms
        self.tokens: list[list[int]] = [list(tokens) for tokens in begun]
        self.logprobs: list[list[float]] = [[] for _ in contexts]

    def next_uniforms(self, rows: Sequence[int]) -> NDArray[np.float64]:
        return self.uniforms[list(rows), [len(self.tokens[row]) for row in rows]]

    def is_full(self, row: int) -> bool:
        return len(self.tokens[row]) == self.uniforms.shape[1]

    def written(self) -> list[Sampled]:
        return [Sampled(tuple(tokens[len(tokens) - len(values) :]), tuple(values)) for tokens, values in zip(self.tokens, self.logprobs, strict=True)]

    def append(self, rows: Sequence[int], tokens: Sequence[int], logprobs: Sequence[float]) -> None:
        for row, token, logprob in zip(rows, tokens, logprobs, strict=True):
            self.tokens[row].append(token)
            self.logprobs[row].append(logprob)
