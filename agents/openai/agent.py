"""OpenAIAgent: a chat model as an agent, many episodes at once."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from prm_gym.agent import Action, Agent, Prompt
from prm_gym.agents.openai.choices import asked_again, question, read_choice
from prm_gym.agents.openai.conversation import called_action, messages_of
from prm_gym.agents.openai.style import AskingStyle
from prm_gym.chat import ChatClient, ChatFailure, ChatReply, ChatRequest, ChatSettings, Message
from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.experience import ExperienceLibrary, shown_examples
from prm_gym.judging.reading import without_thoughts

_ECHOED = 500  # characters of an unreadable answer that are shown to the model again
_REMEMBERED = 100_000  # questions whose draws are told apart
_CLIENT = frozenset(field.name for field in msgspec.structs.fields(ChatSettings)) - {"model", "key", "headers", "extra"}
_OPTIONS = _CLIENT | set(AskingStyle.__struct_fields__) | {"experience", "examples"}
_ACTION = re.compile(r"^[ \t>*_#]*Action[*_]*[ \t]*:[*_]*[ \t]*", re.IGNORECASE | re.MULTILINE)


class OpenAIAgent(Agent):
    """Acts with a chat model behind any OpenAI-compatible endpoint: `openai:MODEL?base_url=http://localhost:8000/v1&temperature=0.3`.

    - All running episodes are asked about in one batch; retries, limits, budgets and the cache are the client's (`ChatSettings`: `concurrency`, `deadline`,
      `most_tokens`, `most_cost`, `cache` ...). What was asked and paid stands in `report()` and `client.counters`.
    - The conversation is the episode: instructions, what was seen, what was done. Where the environment has tools, their schemas are sent along, and calls come
      and go as calls; a model that takes none is told in words. Thoughts are no part of the action.
    - Listed actions are asked for by number. An answer that names none of them is asked for once more, and then sent as it is: what a model writes is data.
    - An endpoint that gives no answer (after all retries) spoils the episode: `Action.failure` says why, and no action is made up.
    - Where the conversation does not fit into the model's context, the older half of the earlier steps is left out, and again, until it fits. What is seen
      now is never cut: where that alone does not fit, the agent writes nothing, which is a malformed action.
    - Draws differ: the n-th time that the same question is asked in an episode it is sent with a seed of its own. So a run that is made again with the same
      cache, or at an endpoint that honours seeds, is the same run.
    """

    def __init__(
        self,
        model: str = "",
        *,
        experience: str | ExperienceLibrary = "",
        examples: int = 3,
        client: ChatClient | ChatSettings | None = None,
        **options: Any,
    ) -> None:
        """Take the model; nothing is asked yet.

        Args:
            model: as the endpoint names it.
            experience: a library of good steps, or its file: those most like what is seen now are shown as examples.
            examples: how many, at most.
            client: in place of `model` and the client's options; the way to give a key, headers or further fields.
            **options: how it is asked (`AskingStyle`: `temperature`, `max_tokens`, `seed`, `choose`, `calls`, `reason`, `history`), and those of the client
                (`ChatSettings`: `base_url`, `cache`, `deadline` ...).

        Raises:
            OptionError: an option is none, or out of range, or an endpoint needs a key that is not there.
            StoreError: the cache or the library cannot be opened.
        """
        style = {name: options.pop(name) for name in AskingStyle.__struct_fields__ if name in options}
        for name in options:
            if name not in _CLIENT:
                raise OptionError(str(UnknownNameError("option of the agent 'openai'", name, _OPTIONS)))
        if client is not None and (model or options):
            raise OptionError(f"the agent takes a client or its settings, not both; got client and {', '.join(['model'] * bool(model) + sorted(options))}")
        if client is None and not model:
            raise OptionError("the agent needs a model: openai:MODEL, with base_url=... for an endpoint other than OpenAI's")
        if type(examples) is not int or examples < 1:
            raise OptionError(f"examples is an integer from 1 on, got {examples!r}")
        self.style = AskingStyle(**style)
        self.client = client if isinstance(client, ChatClient) else ChatClient(client or ChatSettings(model=model, **options))
        self.id = f"openai:{self.client.settings.model}"
        self.experience = experience if isinstance(experience, ExperienceLibrary) else ExperienceLibrary.open(experience) if experience else None
        self.examples = examples
        self._noted: Counter[str] = Counter()  # unreadable, overflowed, cut
        self._drawn: Counter[bytes] = Counter()

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """One action a prompt; all are asked for in one batch, and unreadable answers in another."""
        if self.experience is not None:
            prompts = shown_examples(prompts, self.experience, self.examples)
        asked, results = self._answers(prompts)
        actions = [self._action(prompt, result) for prompt, result in zip(prompts, results, strict=True)]
        unread = [at for at, prompt in enumerate(prompts) if self._is_unread(prompt, actions[at]) and not _is_overlong(results[at])]
        again = self.client.ask([self._once_more(asked[at], prompts[at], actions[at]) for at in unread])
        for at, result in zip(unread, again, strict=True):
            if not _is_overlong(result):  # else the first answer stays
                actions[at] = self._action(prompts[at], result)
            self._noted["unreadable"] += self._is_unread(prompts[at], actions[at])
        return actions

    def report(self) -> dict[str, float]:
        """Requests, retries, tokens and cost; and how many answers named no listed action, were cut at `max_tokens`, or had no room in the context."""
        counters = self.client.counters
        spent = {"requests": counters.sent, "retries": counters.retries, "from_cache": counters.from_cache, "failed": counters.failed}
        spent |= {"prompt_tokens": counters.prompt_tokens, "completion_tokens": counters.completion_tokens, "cost": counters.cost}
        return spent | {name: float(self._noted[name]) for name in ("unreadable", "cut", "overflowed")}

    def close(self) -> None:
        """Close connections and the cache; they are opened again when it acts again."""
        self.client.close()

    def _answers(self, prompts: Sequence[Prompt]) -> tuple[list[ChatRequest], list[ChatReply | ChatFailure]]:
        """What was asked at last and what came of it; steps of the past are left out while a conversation is too long."""
        firsts = [0 if self.style.history is None else max(0, len(prompt.history) - self.style.history) for prompt in prompts]
        asked = [self._request(prompt, first) for prompt, first in zip(prompts, firsts, strict=True)]
        results = self.client.ask(asked)
        while True:
            overlong = [at for at, result in enumerate(results) if _is_overlong(result) and firsts[at] < len(prompts[at].history)]
            if not overlong:
                return asked, results
            for at in overlong:
                firsts[at] += (len(prompts[at].history) - firsts[at] + 1) // 2
                asked[at] = self._request(prompts[at], firsts[at])
            for at, result in zip(overlong, self.client.ask([asked[at] for at in overlong]), strict=True):
                results[at] = result

    def _request(self, prompt: Prompt, first: int) -> ChatRequest:
        listed = question(prompt.actions, self.style.reason) if self._is_listed(prompt) else ""
        native = bool(prompt.tools) and self.style.calls == "native" and not listed
        shown, first = (msgspec.structs.replace(prompt, history=()), 0) if self.style.history == 0 else (prompt, first)
        messages = messages_of(shown, listed, first=first, native=native, reason=self.style.reason)
        tools = tuple(tool.openai() for tool in prompt.tools) if native else ()
        request = ChatRequest(messages=messages, temperature=self.style.temperature, max_tokens=self.style.max_tokens, tools=tools)
        return msgspec.structs.replace(request, sample=self._draw(prompt, request))

    def _draw(self, prompt: Prompt, request: ChatRequest) -> int:
        """The seed of an answer, in [0, 2^31): of the prompt's own seed alone where it has one, else of the episode and of how often this was asked in it."""
        if self.style.temperature == 0:
            return 0
        parts = (self.style.seed, prompt.episode, prompt.seed, hashlib.blake2b(msgspec.msgpack.encode(request.messages)).hexdigest())
        key = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
        count = 0
        if prompt.seed is None:
            if len(self._drawn) >= _REMEMBERED:
                self._drawn.clear()
            count = self._drawn[key]
            self._drawn[key] += 1
        return int.from_bytes(hashlib.blake2b(key + count.to_bytes(8, "little"), digest_size=4).digest(), "little") >> 1

    def _is_listed(self, prompt: Prompt) -> bool:
        return bool(prompt.actions) and (self.style.choose == "listed" or (self.style.choose == "auto" and not prompt.tools))

    def _action(self, prompt: Prompt, result: ChatReply | ChatFailure) -> Action:
        """The action of an answer."""
        if isinstance(result, ChatFailure):
            if not _is_overlong(result):
                return Action(text="", failure=result.reason)
            self._noted["overflowed"] += 1
            return Action(text="")
        self._noted["cut"] += not result.finished
        if result.calls:
            return Action(text=called_action(msgspec.structs.replace(result, text=without_thoughts(result.text) or "")))
        written = (without_thoughts(result.text) or "").strip()
        marks = list(_ACTION.finditer(written)) if self.style.reason else []
        said = written[marks[-1].end() :].strip() if marks else written
        chosen = read_choice(said, prompt.actions) if self._is_listed(prompt) else None
        return Action(text=said if chosen is None else chosen)

    def _is_unread(self, prompt: Prompt, action: Action) -> bool:
        return self._is_listed(prompt) and not action.failure and action.text not in prompt.actions

    def _once_more(self, request: ChatRequest, prompt: Prompt, action: Action) -> ChatRequest:
        told = (Message("assistant", action.text[:_ECHOED] or "(nothing)"), Message("user", asked_again(prompt.actions)))
        return msgspec.structs.replace(request, messages=(*request.messages, *told))


def _is_overlong(result: ChatReply | ChatFailure) -> bool:
    return isinstance(result, ChatFailure) and result.kind == "too_long"
