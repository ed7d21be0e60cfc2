"""Verifier `judge`: a chat model says of each step whether it is right."""

import difflib
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from prm_gym.chain_verifier import ChainVerifier, Judgement, Status
from prm_gym.chains import Chain
from prm_gym.chat import ChatClient, ChatFailure, ChatRequest, ChatResult, ChatSettings
from prm_gym.errors import ContractError, OptionError
from prm_gym.judging import Ask, Protocol, make_protocol
from prm_gym.judging.framing import says_nothing

_SETTINGS = frozenset(field.name for field in msgspec.structs.fields(ChatSettings)) - {"model", "key", "headers", "extra"}


class JudgeVerifier(ChainVerifier):
    """Judges steps with a chat model behind any OpenAI-compatible endpoint: `judge:MODEL?protocol=critic&votes=4&base_url=http://localhost:8000/v1`.

    - What is asked and how the answer is read is the protocol's. Of whole chains: `critic` (ProcessBench), `thinkprm`, `capo`, `spark`, `first_error` (which
      mends it), `refine`, `bidirectional`. Of one step by what came before it: `genprm` (with programs), `hierarchical`, `dimensions`, `rubric_guided`,
      `pairwise`, `checklist` and `screenshot` (pages), `token_probability` (one token, of which the log-probabilities are read). Or another of the entry point
      group `prm_gym.judging`. Its options stand beside those of the client (`ChatSettings`: `deadline`, `concurrency`, `cache`, `most_cost` ...).
    - An endpoint that fails gives no score: the verdict is `timeout` or `error` with the reason. An answer that is no well-formed verdict on every step is an
      abstention. With `cache=FILE`, whatever was answered is kept, and a rerun asks only for what is missing.
    - The deadline is that of a batch, with all rounds of its protocol; programs of `genprm` that run when it comes are waited for. What was asked, answered
      and paid stands in `judge.client.counters`, and is logged when the judge is closed.
    - A step that says nothing (":", "Solution:", "Let's solve this problem step by step.") is abstained on, whatever the model finds.
    - A judge reads the whole chain, so what it says of a step may depend on later ones. Each step is therefore judged at the end of its own chain: one question
      a step. `whole=true` asks once for all steps of a stored trajectory, as the protocols were published; in an environment, which asks step by step, it
      changes nothing.
    - It is pure exactly when there is a cache and `whole` is false: an endpoint alone does not give the same answer twice, even at temperature 0. What failed
      is neither cached here nor by `cached(...)`.
    """

    id = "judge"
    also_options = (ChatSettings,)

    def __init__(
        self,
        model: str = "",
        *,
        protocol: str | Protocol = "critic",
        threshold: float = 0.5,
        whole: bool = False,
        longest: int = 200_000,
        id: str = "judge",
        client: ChatClient | ChatSettings | None = None,
        **options: Any,
    ) -> None:
        """Take the model and the protocol; nothing is asked yet.

        Args:
            model: as the endpoint names it.
            protocol: a name, or an object.
            threshold: a step is called correct from this score on. In (0, 1).
            whole: all steps of a trajectory are judged by one question.
            longest: characters of a chain that are shown; steps beyond are not judged.
            id: of the verdicts; two judges in one environment need two.
            client: in place of `model` and the client's options.
            **options: of the client and of the protocol.

        Raises:
            OptionError: an option is none, or out of range, or an endpoint needs a key that is not there.
            UnknownNameError: there is no such protocol.
            StoreError: the cache cannot be opened.
        """
        settings = {name: options.pop(name) for name in list(options) if name in _SETTINGS}
        if client is not None and (model or settings):
            raise OptionError(f"a judge takes a client or its settings, not both; got client and {', '.join(['model'] * bool(model) + sorted(settings))}")
        if isinstance(protocol, Protocol) and options:
            raise OptionError(f"a protocol that is given as an object takes no options; got {', '.join(sorted(options))}")
        if not (type(threshold) in (int, float) and 0 < threshold < 1):
            raise OptionError(f"threshold lies between 0 and 1, got {threshold!r}")
        if type(longest) is not int or longest < 1:
            raise OptionError(f"longest is a number of characters from 1 on, got {longest!r}")
        if client is None and not model:
            raise OptionError("a judge needs a model: judge:MODEL, with base_url=... for an endpoint other than OpenAI's")
        self.protocol = protocol if isinstance(protocol, Protocol) else _protocol(protocol, options)
        self.client = client if isinstance(client, ChatClient) else ChatClient(client or ChatSettings(model=model, **settings))
        self.id, self.threshold, self.longest = id, float(threshold), longest
        self.looks_ahead = self.protocol.looks_ahead and not whole
        self.pure = self.client.settings.cache is not None and not (self.protocol.looks_ahead and whole)
        described = str(self.protocol) if type(self.protocol).__str__ is not object.__str__ else ""
        self.version = f"2 {self.protocol.id}-{self.protocol.version} {self.client.settings.model} {described}".rstrip()

    def judge(self, chains: Sequence[Chain]) -> list[Judgement]:
        """One judgement a chain; every round of the protocol is one batch."""
        return self.judge_some(chains, [frozenset(range(len(chain))) for chain in chains])

    def judge_some(self, chains: Sequence[Chain], wanted: Sequence[frozenset[int]]) -> list[Judgement]:
        """The same; a protocol that asks about each step by itself asks about those that are wanted."""
        shown = [_beginning(chain, self.longest) for chain in chains]
        asked = [at for at, chain in enumerate(shown) if len(chain)]
        within = [frozenset(place for place in wanted[at] if place < len(shown[at])) for at in asked]
        found = self.protocol.judge_some([shown[at] for at in asked], within, self._asking()) if asked else []
        if len(found) != len(asked):
            raise ContractError(f"the judging protocol {self.protocol.id!r} gave {len(found)} judgements of {len(asked)} chains")
        judgements = dict(zip(asked, found, strict=True))
        return [self._completed(chain, judgements.get(at)) for at, chain in enumerate(chains)]

    def _asking(self) -> Ask:
        """Asks the client within the deadline of the batch, however many rounds the protocol takes."""
        seconds = self.client.settings.deadline
        ends = time.monotonic() + seconds

        def ask(requests: Sequence[ChatRequest]) -> list[ChatResult]:
            left = ends - time.monotonic()
            if left > 0:
                return self.client.ask(requests, left)
            return [ChatFailure(reason=f"the {seconds:g} s of the batch were over before this was asked", kind="deadline") for _ in requests]

        return ask

    def _completed(self, chain: Chain, judgement: Judgement | None) -> Judgement:
        """The judgement, without a score for steps that were not shown and for those that say nothing."""
        scores = list(judgement.scores) if judgement is not None else []
        reasons = list(judgement.reasons) if judgement is not None else []
        statuses: list[Status] = []
        if judgement is not None:
            statuses.extend(judgement.statuses or (judgement.status,) * len(scores))
        missing = len(chain) - len(scores)
        scores += [None] * missing
        reasons += [f"the chain is longer than {self.longest} characters; this step is beyond what the judge is shown"] * missing
        statuses.extend("abstain" for _ in range(missing))
        for at, step in enumerate(chain.steps):
            if says_nothing(step.text):
                scores[at], reasons[at], statuses[at] = None, "the step says nothing that could be right or wrong", "abstain"
        found = judgement or Judgement((), ())
        details = (*found.step_evidence, *[{} for _ in range(missing)]) if found.step_evidence else ()
        return msgspec.structs.replace(found, scores=tuple(scores), reasons=tuple(reasons), step_evidence=details, statuses=tuple(statuses))

    def close(self) -> None:
        """Close connections and the cache, and what the protocol holds; they are opened again when it is asked again."""
        self.client.close()
        self.protocol.close()


def _protocol(name: str, options: dict[str, Any]) -> Protocol:
    """The protocol; of options that are none of its own, those of the client are named too."""
    try:
        return make_protocol(name, **options)
    except OptionError as error:
        near = [close for option in options for close in difflib.get_close_matches(option, _SETTINGS, n=1, cutoff=0.7)]
        if not near:
            raise
        raise OptionError(f"{error} Or is {near[0]!r} of the client meant?") from error


def _beginning(chain: Chain, longest: int) -> Chain:
    """The steps of a chain that fit."""
    length, fitting = len(chain.problem), 0
    for step in chain.steps:
        length += len(step.text) + len(step.seen)
        if length > longest:
            break
        fitting += 1
    return chain if fitting == len(chain) else Chain(chain.problem, chain.steps[:fitting])
