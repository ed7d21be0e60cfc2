"""So many requests and tokens a minute, and so many in all."""

import asyncio
import time
from collections import deque

MINUTE = 60.0


class Window:
    """At most so much within any minute, exactly: what was let through is forgotten a minute later.

    Whoever wants more at once than a minute may hold is let through alone.
    """

    def __init__(self, most: float, seconds: float = MINUTE) -> None:
        """Hold at most `most` within any `seconds`."""
        self.most, self.seconds = most, seconds
        self._entries: deque[list[float]] = deque()  # [when, how much]
        self._sum = 0.0
        self._turn = asyncio.Lock()  # first come, first served

    async def enter(self, amount: float) -> list[float]:
        """Wait until the amount fits; the entry that is returned can be corrected."""
        async with self._turn:
            while True:
                now = time.monotonic()
                while self._entries and self._entries[0][0] <= now - self.seconds:
                    self._sum -= self._entries.popleft()[1]
                if not self._entries:
                    self._sum = 0.0  # without the rounding of many sums
                if not self._entries or self._sum + amount <= self.most:
                    entry = [now, amount]
                    self._entries.append(entry)
                    self._sum += amount
                    return entry
                await asyncio.sleep(max(self._entries[0][0] + self.seconds - now, 0.001))

    def correct(self, entry: list[float], amount: float) -> None:
        """Put what it really was in place of the estimate."""
        if self._entries and entry[0] >= self._entries[0][0]:
            self._sum += amount - entry[1]
            entry[1] = amount


class Budget:
    """So much in all. What is on its way is reserved at its worst, so that no more than that is ever spent."""

    def __init__(self, most: float | None) -> None:
        """Hold at most `most`; None for no limit."""
        self.most = most
        self.spent = 0.0
        self._reserved = 0.0
        self._settled = asyncio.Event()

    async def reserve(self, amount: float) -> bool:
        """Reserve the amount, when need be after what is on its way is settled. False when it does not fit any more."""
        while self.most is not None and self.spent + self._reserved + amount > self.most:
            if self._reserved == 0.0:
                return False
            self._settled.clear()
            await self._settled.wait()
        self._reserved += amount
        return True

    def settle(self, reserved: float, spent: float) -> None:
        """Put what was spent in place of what was reserved."""
        self._reserved = max(0.0, self._reserved - reserved)
        if self._reserved < 1e-9:
            self._reserved = 0.0
        self.spent += spent
        self._settled.set()
