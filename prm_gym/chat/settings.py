"""Which endpoint and model, how fast, how long and for how much."""

import math
import os
from typing import Any

import msgspec

from prm_gym.errors import OptionError
from prm_gym.secret import Secret

_OPENAI = "https://api.openai.com/v1"


class ChatSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a client is made of.

    The key is read from the environment when it is needed, so that specifications, pickles and stored options hold its name alone.

    Attributes:
        model: as the endpoint names it.
        base_url: of an OpenAI-compatible endpoint, with its version ("http://localhost:8000/v1"); empty for OPENAI_BASE_URL, else OpenAI itself.
        key_variable: the environment variable that holds the key. A local endpoint needs none.
        key: the key itself, in place of the variable.
        concurrency: requests that are on their way at once.
        requests_per_minute: of this client, retries included; None for no limit.
        tokens_per_minute: read and written, likewise; estimated before an answer comes (two letters a token and the whole of `max_tokens`), counted after.
        attempts: how often a request is sent before it is given up; those that are answered with "too many requests" (429) do not count.
        request_seconds: that one attempt may take.
        deadline: seconds that a batch may take: what is not there then is given up, what is there is kept.
        patience: seconds without a single answer while everything fails, after which the rest of a batch is given up.
        first_wait: seconds before the first retry; twice as long each time, up to `longest_wait`, and between half and the whole of that at random.
        longest_wait: see `first_wait`. What a server asks for (Retry-After) is waited for in full.
        cache: file of answers (SQLite), shared by any number of processes; None for none.
        most_tokens: that this client may read and write together; None for no limit. What an attempt may have taken of which nothing came back counts as
            taken. Only an endpoint that writes more than `max_tokens`, or counts more than a token every two bytes, can overrun it, by what is on its way.
        most_cost: that it may cost, in the unit of the prices, likewise; needs prices.
        prompt_price: of a million tokens read.
        completion_price: of a million tokens written.
        headers: sent with every request, beside the key.
        extra: further fields of every request's body, such as {"chat_template_kwargs": {"enable_thinking": false}}.
    """

    model: str
    base_url: str = ""
    key_variable: str = "OPENAI_API_KEY"
    key: Secret | None = None
    concurrency: int = 32
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    attempts: int = 8
    request_seconds: float = 120.0
    deadline: float = 600.0
    patience: float = 60.0
    first_wait: float = 0.5
    longest_wait: float = 30.0
    cache: str | None = None
    most_tokens: int | None = None
    most_cost: float | None = None
    prompt_price: float = 0.0
    completion_price: float = 0.0
    headers: tuple[tuple[str, str | Secret], ...] = ()
    extra: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if not isinstance(self.model, str) or not self.model.strip():
            raise OptionError(f"a chat model has a name, got {self.model!r}")
        for name in ("base_url", "key_variable", "cache"):
            value = getattr(self, name)
            if not isinstance(value, str) and not (name == "cache" and value is None):
                raise OptionError(f"{name} is a text, got {value!r}")
        if self.base_url and not self.base_url.startswith(("http://", "https://")):
            raise OptionError(f"base_url begins with http:// or https://, got {self.base_url!r}")
        for name in ("concurrency", "attempts"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise OptionError(f"{name} is an integer from 1 on, got {value!r}")
        for name in ("request_seconds", "deadline", "patience", "first_wait", "longest_wait"):
            if not _is_number(getattr(self, name)) or not 0 < getattr(self, name) < math.inf:
                raise OptionError(f"{name} is a number of seconds above 0, got {getattr(self, name)!r}")
        for name in ("requests_per_minute", "tokens_per_minute", "most_tokens", "most_cost"):
            value = getattr(self, name)
            if value is not None and (not _is_number(value) or not value > 0):
                raise OptionError(f"{name} is a number above 0, or None for no limit, got {value!r}")
        for name in ("prompt_price", "completion_price"):
            if not _is_number(getattr(self, name)) or not 0 <= getattr(self, name) < math.inf:
                raise OptionError(f"{name} is the price of a million tokens, from 0 on, got {getattr(self, name)!r}")
        _require_sendable(self.headers)
        if self.most_cost is not None and not (self.prompt_price or self.completion_price):
            raise OptionError("most_cost needs prompt_price and completion_price, per million tokens: without prices every answer costs nothing")

    @property
    def endpoint(self) -> str:
        """Where requests go."""
        return (self.base_url or os.environ.get("OPENAI_BASE_URL") or _OPENAI).rstrip("/")

    def reveal_key(self) -> str:
        """The key, for the client alone; without blanks and line ends around it, which files of keys have.

        Raises:
            OptionError: there is none, and the endpoint is OpenAI's; or it is none that can be sent.
        """
        key = (self.key.reveal() if self.key is not None else os.environ.get(self.key_variable, "")).strip()
        if not (key.isascii() and key.isprintable()):
            where = "given" if self.key is not None else f"in {self.key_variable}"
            raise OptionError(f"the key that is {where} holds a sign that cannot be sent, such as a line end or a letter that is not ASCII")
        if not key and self.endpoint == _OPENAI:
            raise OptionError(f"{self.endpoint} needs a key: set the environment variable {self.key_variable}, or give base_url for another endpoint")
        return key or "none"

    def cost(self, prompt_tokens: float, completion_tokens: float) -> float:
        """What tokens cost, in the unit of the prices."""
        return (prompt_tokens * self.prompt_price + completion_tokens * self.completion_price) / 1e6


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _require_sendable(headers: tuple[tuple[str, str | Secret], ...]) -> None:
    for name, value in headers:
        text = value if isinstance(value, str) else value.reveal()
        if not (text.isascii() and text.isprintable() and text == text.strip()):
            raise OptionError(f"the header {name!r} cannot be sent: it holds a line end, a letter that is not ASCII, or blanks around it")
