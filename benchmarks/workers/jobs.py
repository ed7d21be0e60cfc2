"""What the benchmark asks its workers to do."""

import time


def work(microseconds: float) -> float:
    """Keep the processor busy for so long; for ever, in C code that holds the GIL, if it is negative."""
    if microseconds < 0:
        return float(10**10**9)
    end = time.perf_counter() + 1e-6 * microseconds
    while time.perf_counter() < end:
        pass
    return microseconds
