"""WebPRMBench: a right action of a web agent against four wrong ones at each state, read as pairs.

    {"state_idx": 0, "pair_idx": 0, "expected": 1, "prompt": "...", "source_name": "webarena"}       as published: the prompt holds state and both responses
    {"state_idx": 0, "intent": "...", "observation": "...", "trajectory": "...", "chosen": "...", "rejected": "..." or ["...", ...]}      spelled out

`expected` says which of the two responses of the prompt is the better one, 1 or 2. The prompt's criteria and instructions to a judge are left out of the
state: what remains is the part from "#### Intent ####" to the responses. Pairs of one state have one group, which the best-of-n accuracy is about.

Source: Zhang et al. 2026 (WebArbiter), the data card of `hf:ZYao720/WEBPRMBENCH`; the form of the prompt from thinkinbig/VisualAgentBench.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from prm_gym.chains import Chain, ChainStep
from prm_gym.errors import OptionError
from prm_gym.prm.layouts.columns import text_of
from prm_gym.prm.layouts.indices import integer_of
from prm_gym.prm.pairs import PreferencePair

STATE = (("intent", "Intent"), ("observation", "Page"), ("text_observation", "Page"), ("trajectory", "Trajectory"), ("current_url", "Address"))

_RESPONSE = re.compile(r"\[The Begin of Response ([12])\]\s*(.*?)\s*\[The End of Response \1\]", re.DOTALL)
_INTENT = re.compile(r"#{2,}\s*Intent\s*#{2,}")
_BEFORE_RESPONSES = re.compile(r"\s*#{2,}\s*Assistant Responses\s*#{2,}\s*\Z")


def read_pairs(rows: Iterable[Mapping[str, Any]], source: str = "webprmbench") -> Iterator[PreferencePair]:
    """The pairs of rows, in order.

    Args:
        rows: with the fields above, of either form.
        source: name of the data.

    Raises:
        OptionError: a field is missing or wrong, or the prompt does not hold exactly two responses.
    """
    for row in rows:
        where, state = str(row.get("source_name") or row.get("source") or ""), row.get("state_idx")
        group = f"{where}/{state}" if state is not None else ""
        if "chosen" not in row:
            problem, responses = _published(text_of(row, "prompt"))
            better = integer_of(row.get("expected"), "expected")
            if better not in (1, 2):
                raise OptionError(f"expected is 1 or 2, got {better}")
            two = [(responses[better - 1], responses[2 - better])]
        else:
            problem = "\n\n".join(f"{shown}:\n{row[name]}" for name, shown in STATE if isinstance(row.get(name), str))
            two = [(text_of(row, "chosen"), rejected) for rejected in _rejected(row.get("rejected"))]
        for place, (chosen, rejected) in enumerate(two):
            number = row.get("pair_idx", place)
            yield PreferencePair(
                id=f"{group or row.get('id', 'pair')}/{number}",
                chosen=Chain(problem, (ChainStep(chosen.strip()),)),
                rejected=Chain(problem, (ChainStep(rejected.strip()),)),
                shared=0,
                group=group,
                source=source,
                domain=where,
            )


def _published(prompt: str) -> tuple[str, list[str]]:
    """The state and the two responses of a prompt. A state may quote whatever it likes: the last two responses are meant."""
    found = list(_RESPONSE.finditer(prompt))[-2:]
    if [response[1] for response in found] != ["1", "2"]:
        raise OptionError("the prompt ends in Response 1 and Response 2 between [The Begin of Response ...] and [The End of Response ...]")
    state = prompt[: found[0].start()]
    begin = _INTENT.search(state)
    state = _BEFORE_RESPONSES.sub("", state[begin.start() if begin else 0 :]).strip()
    if not state:
        raise OptionError("the prompt holds no state before its responses")
    return state, [response[2] for response in found]


def _rejected(value: Any) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not texts or not all(isinstance(text, str) and text.strip() for text in cast("list[object]", texts)):
        raise OptionError(f"rejected is a text or a list of texts, got {value!r:.60}")
    return list(cast("list[str]", texts))
