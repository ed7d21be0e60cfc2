"""Keys and values of attention that are kept, so that a chain which grew by a step costs the tokens of that step."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from prm_gym.lm.libraries import library


class Prefix:
    """What a model remembers of a beginning.

    Attributes:
        token_ids: of the beginning.
        layers: [heads, tokens, width] keys and values of each layer.
    """

    __slots__ = ("bytes", "layers", "token_ids")

    def __init__(self, token_ids: list[int], layers: list[tuple[Tensor, Tensor]]) -> None:
        """Keep the keys and values of these tokens."""
        self.token_ids, self.layers = token_ids, layers
        self.bytes = sum(tensor.numel() * tensor.element_size() for pair in layers for tensor in pair)

    def common(self, token_ids: Sequence[int]) -> int:
        """With how many of its tokens a sequence begins."""
        for at, (mine, other) in enumerate(zip(self.token_ids, token_ids, strict=False)):
            if mine != other:
                return at
        return min(len(self.token_ids), len(token_ids))


class PrefixCache:
    """Prefixes under keys, the least lately used forgotten first when they take more than a number of bytes."""

    def __init__(self, limit: int) -> None:
        """Keep up to `limit` bytes; 0 keeps none."""
        self.limit, self.bytes = limit, 0
        self._kept: OrderedDict[str, Prefix] = OrderedDict()
        self._named: dict[str, str] = {}

    def find(self, keys: Sequence[str]) -> Prefix | None:
        """The prefix under the first key that has one, or another name of one."""
        for key in keys:
            name = key if key in self._kept else self._named.get(key, "")
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        return None

    def keep(self, key: str, name: str, prefix: Prefix) -> None:
        """Keep a prefix under a key; `name` (of its problem) finds the one that was kept last."""
        if prefix.bytes > self.limit:
            return
        if key in self._kept:
            self.bytes -= self._kept.pop(key).bytes
        self._kept[key] = prefix
        self._named[name] = key
        self.bytes += prefix.bytes
        while self.bytes > self.limit:
            self.bytes -= self._kept.popitem(last=False)[1].bytes
        if len(self._named) > 2 * len(self._kept) + 64:
            self._named = {name: key for name, key in self._named.items() if key in self._kept}

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._named.clear()
        self.bytes = 0


def joined(prefixes: Sequence[tuple[Prefix | None, int]]) -> Any:
    """A cache for a batch.

    Args:
        prefixes: of each row, and how many of its tokens are taken: they stand at the right end, as if the row went on from there.

    Returns:
        Hugging Face's cache, of the longest of them; an empty one where nothing is taken.
    """
    cache = library("transformers").DynamicCache()
    longest = max(taken for _, taken in prefixes)
    some = next((prefix for prefix, _ in prefixes if prefix is not None), None)
    if not longest or some is None:
        return cache
    for layer, (keys, values) in enumerate(some.layers):
        pair: list[Tensor] = []
        for which, like in enumerate((keys, values)):
            whole = like.new_zeros((len(prefixes), like.shape[0], longest, like.shape[2]))
            for row, (prefix, taken) in enumerate(prefixes):
                if prefix is not None and taken:
                    whole[row, :, longest - taken :] = prefix.layers[layer][which][:, :taken]
            pair.append(whole)
        cache.update(pair[0], pair[1], layer)
    return cache


def row_of(cache: Any, row: int, start: int, end: int, token_ids: list[int]) -> Prefix:
    """One row of a batch's cache, from place `start` to `end`, as a prefix of its own."""
    pairs = [(layer.keys, layer.values) for layer in cache.layers] if hasattr(cache, "layers") else list(zip(cache.key_cache, cache.value_cache, strict=True))
    return Prefix(token_ids, [(keys[row, :, start:end].clone(), values[row, :, start:end].clone()) for keys, values in pairs])


def reusable(backbone: Any, device: str) -> bool:
    """Whether a model goes on from kept keys and values as if it had read everything; tried on a few tokens.

    Models with a sliding window, a recurrent state or a cache of another kind do not.
    """
    ids = torch.arange(12, device=device)[None] % int(backbone.get_input_embeddings().weight.shape[0])
    try:
        with torch.inference_mode():
            whole = backbone(input_ids=ids, use_cache=False).last_hidden_state[0, 8:].float()
            first = backbone(input_ids=ids[:, :8], past_key_values=joined([(None, 0)]), use_cache=True).past_key_values
            prefix = row_of(first, 0, 0, 8, list(range(8)))
            if any(keys.dim() != 3 or keys.shape[1] != 8 for keys, _ in prefix.layers):
                return False
            mask = torch.ones((1, 11), dtype=torch.long, device=device)
            places = torch.arange(7, 11, device=device)[None]
            again = backbone(input_ids=ids[:, 7:11], attention_mask=mask, position_ids=places, past_key_values=joined([(prefix, 7)]), use_cache=True)
            apart = (again.last_hidden_state[0, 1:].float() - whole[:3]).norm() / whole[:3].norm().clamp(min=1e-12)
    except (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return False
    return bool(apart < (1e-3 if str(backbone.dtype) == "torch.float32" else 0.1))
