"""Limits hold exactly, in any window of time, and budgets to the last token."""

import asyncio
import time

from prm_gym.chat.limits import Budget, Window


def test_in_no_window_is_more_than_may_be():
    async def run():
        window, times = Window(5, seconds=0.2), []

        async def one():
            await window.enter(1)
            times.append(time.monotonic())

        await asyncio.gather(*(one() for _ in range(18)))
        return sorted(times)

    times = asyncio.run(run())
    # The sixth after any is let through a window later; the clock is read after the entry, hence the tolerance.
    assert all(later - one >= 0.19 for one, later in zip(times, times[5:], strict=False))
    assert times[-1] - times[0] < 2.0


def test_what_was_less_than_estimated_makes_room():
    async def run():
        window = Window(100, seconds=30)
        entry = await window.enter(90)
        window.correct(entry, 10)
        await asyncio.wait_for(window.enter(80), 1)
        return window

    assert asyncio.run(run())._sum == 90


def test_what_is_larger_than_the_window_goes_alone():
    async def run():
        window = Window(10, seconds=0.1)
        began = time.monotonic()
        await window.enter(50)
        await window.enter(1)
        return time.monotonic() - began

    assert 0.09 < asyncio.run(run()) < 2


def test_a_budget_waits_for_what_is_on_its_way():
    async def run():
        budget = Budget(10)
        assert await budget.reserve(8)
        waiting = asyncio.create_task(budget.reserve(5))
        await asyncio.sleep(0.01)
        assert not waiting.done()  # 8 + 5 > 10, but the 8 may turn out to be less
        budget.settle(8, 2)
        assert await waiting
        budget.settle(5, 5)
        assert budget.spent == 7
        assert not await budget.reserve(4)
        assert await budget.reserve(3)
        return await Budget(None).reserve(1e12)

    assert asyncio.run(run())
