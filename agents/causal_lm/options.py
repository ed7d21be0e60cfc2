"""The options of a causal-LM policy."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.lm.sampling import Sampling
from prm_gym.lm.token_server import ServerKind, ServerSettings

Choosing = Literal["auto", "listed", "free"]
Stopping = Literal["end", "line"]


class ModelOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which model.

    Attributes:
        width: of a decoder from scratch, a multiple of twice its heads.
        layers: of it.
        heads: of it.
        texts: what its own tokenizer learns from: the id of an environment, whose scripted episodes are taken, or a text file; "" for one token a byte.
        vocabulary: tokens that it learns at the most.
        context: tokens that are read at once, below what the model can; 0 for all that it can (2,048 for a decoder from scratch).
        lora: rank of adapters, which alone are trained then; 0 for none.
        lora_alpha: their scale is lora_alpha / lora.
        lora_dropout: in front of them, in [0, 1).
        lora_targets: names of the layers that get one; all linear ones of the backbone without any.
        dtype: of the weights; "auto" is bfloat16 on CUDA and float32 elsewhere. Adapters are float32.
        compile: whether torch compiles the step that writes a token. That takes half a minute of the processor in the first episode, and needs a compiler;
            it pays for a small decoder that writes many actions (benchmarks/agents/throughput).
        trust_remote_code: whether code of the checkpoint may run.
    """

    width: int = 128
    layers: int = 4
    heads: int = 4
    texts: str = ""
    vocabulary: int = 512
    context: int = 0
    lora: int = 0
    lora_alpha: float = 16.0
    lora_dropout: float = 0.0
    lora_targets: tuple[str, ...] = ()
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: bool = False
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no model."""
        for name in ("width", "layers", "heads"):
            _require(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        _require("width", self.width, self.width % (2 * self.heads) == 0, f"a multiple of twice the {self.heads} heads")
        for name in ("vocabulary", "context", "lora"):
            _require(name, getattr(self, name), getattr(self, name) >= 0, "not negative")
        _require("lora_dropout", self.lora_dropout, 0.0 <= self.lora_dropout < 1.0, "in [0, 1)")


class ActingOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How it acts.

    Attributes:
        choose: "listed": one of the actions that the environment lists, with probabilities among these; "free": any text; "auto": listed where there are any.
        temperature: divides the logits, > 0.
        top_k: of free text, only so many of the most probable tokens; 0 for all.
        top_p: of free text, only the most probable tokens that together have this share, in (0, 1].
        max_new_tokens: of free text. An action that comes to this limit is cut off: its last token is then no end token.
        stop: "end": free text ends with the model's end token; "line": also with a line break, once there is something visible.
        history: earlier steps of the episode that are shown; "episode" for all that the context holds, and then the text says how many it does not.
        instructions: whether the task's instructions are shown. A decoder from scratch that plays one kind of task learns nothing from them.
        thinking: the model writes thoughts and an end marker (`</think>`) before the action; they are part of its tokens, and not of its text.
        cache_bytes: of keys and values that are kept between the steps of episodes, at the most; None for 2 GiB on a CPU and a quarter of the memory of a card.
    """

    choose: Choosing = "auto"
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    max_new_tokens: int = 64
    stop: Stopping = "end"
    history: int | Literal["episode"] = "episode"
    instructions: bool = True
    thinking: bool = False
    cache_bytes: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        _ = self.sampling(greedy=False)
        _require("max_new_tokens", self.max_new_tokens, self.max_new_tokens >= 1, "at least 1")
        _require("cache_bytes", self.cache_bytes, self.cache_bytes is None or self.cache_bytes >= 0, "not negative")
        _require("history", self.history, self.history == "episode" or self.history >= 0, "a number of steps, or 'episode'")
        if self.thinking and self.choose == "listed":
            raise OptionError("choose='listed' leaves no room for thinking=True; take choose='free'")

    def sampling(self, greedy: bool) -> Sampling:
        """Of free text."""
        return Sampling(temperature=self.temperature, top_k=self.top_k, top_p=self.top_p, greedy=greedy)


class ImitationOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How it imitates.

    Attributes:
        imitation_epochs: passes over the steps.
        imitation_minibatch: sequences (whole episodes, where the history is kept) of an optimiser's step.
    """

    imitation_epochs: int = 3
    imitation_minibatch: int = 16

    def __post_init__(self) -> None:
        """Refuse what is no pass."""
        for name in ("imitation_epochs", "imitation_minibatch"):
            _require(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """A server of vLLM or SGLang that writes the free text; listed actions are chosen by the model itself.

    Attributes:
        server: its address with the version, as http://localhost:8000/v1; "" for none.
        server_kind: which.
        server_model: as the server names it; "" for the first that it lists.
        server_weights: a folder for this alone that policy and server both see: after an update the weights (or the adapters alone) are written there, and the
            server is told to load them before the next text. "" for never: the server's texts are then those of the weights that it began with.
        server_concurrency: texts that are asked for at once.
        server_seconds: that one attempt at a text may take.
        server_attempts: how often a text is asked for, before its episode is spoilt.
        server_key_variable: the environment variable that holds the server's key, if it has one.
    """

    server: str = ""
    server_kind: ServerKind = "vllm"
    server_model: str = ""
    server_weights: str = ""
    server_concurrency: int = 64
    server_seconds: float = 300.0
    server_attempts: int = 4
    server_key_variable: str = "OPENAI_API_KEY"

    def __post_init__(self) -> None:
        """Refuse what cannot be asked."""
        if self.server and not self.server.startswith(("http://", "https://")):
            raise OptionError(f"server begins with http:// or https://, got {self.server!r}")
        for name in ("server_concurrency", "server_attempts"):
            _require(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        _require("server_seconds", self.server_seconds, 0.0 < self.server_seconds < float("inf"), "positive")
        if not self.server and self.server_weights:
            raise OptionError("server_weights needs a server that takes them: server=http://...")

    def settings(self, rows: int) -> ServerSettings:
        """Of the connection.

        Args:
            rows: tokens of the vocabulary.
        """
        return ServerSettings(
            url=self.server,
            kind=self.server_kind,
            model=self.server_model,
            concurrency=self.server_concurrency,
            seconds=self.server_seconds,
            attempts=self.server_attempts,
            key_variable=self.server_key_variable,
            rows=rows,
        )


def parted(options: Mapping[str, Any], *kinds: type[msgspec.Struct]) -> list[Any]:
    """Options as structs, each of those that it names.

    Raises:
        OptionError: none of them names one (says the near miss), or a value does not fit.
    """
    names = {name: kind for kind in kinds for name in kind.__struct_fields__}
    for option in options:
        if option not in names:
            raise OptionError(str(UnknownNameError("option of the agent 'causal-lm'", option, names)))
    found: list[Any] = []
    for kind in kinds:
        try:
            found.append(msgspec.convert({name: value for name, value in options.items() if names[name] is kind}, kind))
        except msgspec.ValidationError as error:
            raise OptionError(f"agent 'causal-lm': {error}") from error
    return found


def _require(name: str, value: Any, fits: bool, wanted: str) -> None:
    if not fits:
        raise OptionError(f"{name} must be {wanted}, got {value!r}")
