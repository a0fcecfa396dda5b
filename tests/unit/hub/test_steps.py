from __future__ import annotations

import asyncio

from swap.hub.steps import Steps
from swap.launch.start import Step


def test_every_step_is_told_with_how_long_ago_it_began_also_those_before_anybody_listened():
    async def story():
        now = [100.0]
        steps = Steps(monotonic=lambda: now[0])
        steps.begin(Step.HOME)
        now[0] += 0.25
        steps.begin(Step.PROCESS)
        now[0] += 1.5
        following = steps.follow()
        told = [await anext(following), await anext(following)]
        third = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0)
        assert not third.done(), "only what began is told"
        steps.begin(Step.ANSWER, 4711)
        return [*told, await asyncio.wait_for(third, 5)]

    told = asyncio.run(story())
    assert [(begun.step, begun.seconds, begun.pid) for begun in told] == [
        (Step.HOME, 1.75, None),
        (Step.PROCESS, 1.5, None),
        (Step.ANSWER, 0.0, 4711),
    ]


def test_two_pages_may_listen_to_one_start():
    async def story():
        steps = Steps()
        listeners = [asyncio.ensure_future(anext(steps.follow())) for _ in range(2)]
        await asyncio.sleep(0)
        steps.begin(Step.HOME)
        return await asyncio.wait_for(asyncio.gather(*listeners), 5)

    assert [begun.step for begun in asyncio.run(story())] == [Step.HOME] * 2
