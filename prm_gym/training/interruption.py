"""Ctrl-C: once, the run ends after the batch, with a checkpoint; twice, at once."""

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Interruption:
    """While it is entered, the first SIGINT only sets `wanted`; the second raises KeyboardInterrupt.

    Outside of the main thread, where no signal can be caught, it does nothing.
    """

    def __init__(self, say: str = "") -> None:
        """Choose what is said.

        Args:
            say: printed on standard error at the first one.
        """
        self.say = say
        self.wanted = False
        self._before: Any = None

    def __call__(self) -> bool:
        """Whether the run is to end."""
        return self.wanted

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._caught)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _caught(self, _number: int, _frame: FrameType | None) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
        if self.say:
            print(self.say, file=sys.stderr, flush=True)
