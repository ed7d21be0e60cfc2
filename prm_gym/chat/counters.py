"""What a client has done, and what it cost."""

import msgspec


class ChatCounters(msgspec.Struct, kw_only=True):
    """Sums since the client was made in this process.

    Attributes:
        asked: questions.
        answered: those that have an answer, from wherever.
        failed: those that have none.
        from_cache: answered from the disk.
        shared: answered with the answer to an equal question of the same batch.
        sent: requests to the endpoint, all attempts counted.
        retries: those among them that were not the first for their question.
        faults: what went wrong, by kind ("429", "500", "half a JSON", "no answer in time", ...).
        prompt_tokens: read, as the endpoint counts them (estimated where it does not say).
        completion_tokens: written, likewise.
        cost: of these tokens, in the unit of the prices.
        untold_tokens: that attempts may have taken beside these, at the worst, of which the endpoint says nothing: no answer in time, a broken one.
        untold_cost: of these.
        waited: seconds for which requests were held back by limits, summed over requests.
    """

    asked: int = 0
    answered: int = 0
    failed: int = 0
    from_cache: int = 0
    shared: int = 0
    sent: int = 0
    retries: int = 0
    faults: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    untold_tokens: int = 0
    untold_cost: float = 0.0
    waited: float = 0.0

    def fault(self, kind: str) -> None:
        """Count what went wrong."""
        self.faults[kind] = self.faults.get(kind, 0) + 1

    def __str__(self) -> str:
        """One line for a person."""
        faults = ", ".join(f"{count} x {kind}" for kind, count in sorted(self.faults.items(), key=lambda item: -item[1])) or "none"
        cost = f", cost {self.cost:.4g}" if self.cost else ""
        untold = f", perhaps {self.untold_tokens} more in attempts without an answer" if self.untold_tokens else ""
        untold += f" (cost {self.untold_cost:.4g})" if self.untold_cost else ""
        return (
            f"{self.asked} questions: {self.answered} answered ({self.from_cache} from the cache, {self.shared} shared), {self.failed} not; "
            f"{self.sent} requests ({self.retries} retries; faults: {faults}); {self.prompt_tokens} tokens read, {self.completion_tokens} written{cost}{untold}"
        )
