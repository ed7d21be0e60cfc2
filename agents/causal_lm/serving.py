"""Free text of a policy from a server that has its weights, which are handed over by file."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from prm_gym.agents.causal_lm.options import ServerOptions
from prm_gym.errors import OptionError
from prm_gym.lm.generation import Generator
from prm_gym.lm.sampling import Sampling
from prm_gym.lm.token_server import NoAnswer, TokenAnswer, TokenRequest, TokenServer
from prm_gym.lm.turns import TurnFormat

_COMPARED = 4  # texts of the first batch with new weights whose log-probabilities are computed here too
_MODE = 0.02  # nats a token: from here on a difference is more than rounding


class Served(NamedTuple):
    """What a server has written.

    Attributes:
        token_ids: with the end token, unless the limit came first.
        logprobs: of each token under the distribution that it was drawn from; None where the server says those of another.
        version: of the weights.
    """

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None
    version: int


def served_seed(seed: int, begun: int) -> int:
    """The seed of a text in [0, 2^31): another one where it is gone on with, for a server would draw the same numbers once more.

    Args:
        seed: of the prompt.
        begun: tokens that are there already.
    """
    return int.from_bytes(hashlib.blake2b(f"{seed} {begun}".encode(), digest_size=4).digest(), "little") >> 1


class ServedWriter:
    """Asks a server for text.

    The first texts after new weights are looked at here as well: `gap` says by how much the server's log-probabilities differ from those of the policy. It is
    rounding (float32: about 1e-4, bfloat16: some hundredths); more of it means that the server has other weights than it was given.

    Attributes:
        server: the connection.
        gap: mean difference in nats a token, at the last look; None before the first, and where `top_k` or `top_p` leave tokens out.
    """

    def __init__(self, options: ServerOptions, generator: Generator, save: Callable[[Path], None], adapters: bool) -> None:
        """Take the options; nothing is asked yet.

        Args:
            options: with a server.
            generator: of the policy.
            save: writes the weights to a folder.
            adapters: only adapters are trained, and written.
        """
        self.server = TokenServer(options.settings(generator.head.rows))
        self.gap: float | None = None
        self._folder = Path(options.server_weights).resolve() if options.server_weights else None
        self._generator, self._save, self._adapters = generator, save, adapters
        self._given: int | None = 0
        self._looked = False

    @property
    def given(self) -> tuple[int | None, str]:
        """Version of the weights that the server was given at last (None: none that are worth anything), and the name of their adapter."""
        return self._given, self.server.adapter

    @given.setter
    def given(self, value: tuple[int | None, str]) -> None:
        self._given, self.server.adapter = value

    def hand_over(self, version: int) -> NoAnswer | None:
        """Give the server the weights of a version, unless it has them.

        Returns:
            Why it did not answer; None when it has them, or is never given any.

        Raises:
            OptionError: it refuses them.
        """
        lost = self._adapters and bool(self._given) and not self.server.adapter
        if self._folder is None or (self._given == version and not lost):
            return None
        self._save(self._folder)
        failed = self.server.load(str(self._folder), version, self._adapters)
        if failed is None:
            self._given, self._looked = version, False
        return failed

    def sample(
        self,
        contexts: Sequence[list[int]],
        begun: Sequence[Sequence[int]],
        seeds: Sequence[int | None],
        limit: int,
        sampling: Sampling,
        turns: TurnFormat,
        version: int,
    ) -> list[Served | NoAnswer]:
        """Continue every context until it has ended.

        Args:
            contexts: [B] tokens.
            begun: [B] tokens of the text that are there already.
            seeds: [B] of the draws; None for any.
            limit: tokens of a text, begun ones included.
            sampling: how tokens are drawn.
            turns: says when a text has ended. What a server wrote beyond that is left out.
            version: of the policy's weights.

        Returns:
            [B], in order, without what was begun.

        Raises:
            OptionError: the server refuses, or does not send what is needed.
        """
        failed = self.hand_over(version)
        if failed is not None:
            return [failed] * len(contexts)
        read = [[*context, *tokens] for context, tokens in zip(contexts, begun, strict=True)]
        requests = [TokenRequest(ids, limit - len(tokens), seed) for ids, tokens, seed in zip(read, begun, seeds, strict=True)]
        answers = self.server.write(requests, sampling, sorted(turns.ends))
        if not self._looked:
            self._look(read, answers, sampling)
        found: list[Served | NoAnswer] = []
        for tokens, answer in zip(begun, answers, strict=True):
            if isinstance(answer, NoAnswer):
                found.append(answer)
                continue
            ids = answer.token_ids
            size = next((n for n in range(1, len(ids)) if turns.ended([*tokens, *ids[:n]])), len(ids))
            exact = not sampling.greedy or sampling.temperature == 1.0  # greedy ones come with those at temperature 1
            found.append(Served(ids[:size], answer.logprobs[:size] if exact else None, self._version_of(answer)))
        return found

    def _version_of(self, answer: TokenAnswer) -> int:
        return int(answer.version) if answer.version is not None and answer.version.isdecimal() else self._given or 0

    def _look(self, contexts: Sequence[list[int]], answers: Sequence[TokenAnswer | NoAnswer], sampling: Sampling) -> None:
        """Compare the log-probabilities of some answers with one's own."""
        known = [(ids, answer) for ids, answer in zip(contexts, answers, strict=True) if isinstance(answer, TokenAnswer)][:_COMPARED]
        if not known or sampling.top_k or sampling.top_p < 1.0:
            return
        told = np.concatenate([answer.logprobs for _, answer in known])

        def apart(temperature: float) -> float:
            own = [self._generator.log_probabilities(ids, answer.token_ids, Sampling(temperature=temperature)) for ids, answer in known]
            return float(np.abs(told - np.concatenate(own)).mean())

        plain = apart(1.0)
        self.gap = plain if sampling.greedy else apart(sampling.temperature)
        if self.gap > _MODE and plain < self.gap / 2:
            raise OptionError(
                f"the server's log-probabilities are those before the temperature of {sampling.temperature:g} (apart by {self.gap:.2g} nats a token, "
                f"and by {plain:.2g} from those at temperature 1): start vLLM with --logprobs-mode processed_logprobs, SGLang without "
                "SGLANG_RETURN_ORIGINAL_LOGPROB"
            )
        self._looked = True
