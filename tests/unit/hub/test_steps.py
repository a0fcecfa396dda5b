from __future__ import annotations

import asyncio

from swap.hub.steps import Steps


def test_every_step_is_told_also_those_before_anybody_listened():
    async def story():
        steps, told = Steps(), []
        steps.begin("Opening your home directory")
        steps.begin("Starting your Jupyter server")

        async def listen():
            told.extend([(event["message"], event["detail"], event["log"]) async for event in steps.follow()])

        listener = asyncio.ensure_future(listen())
        await asyncio.sleep(0)
        steps.begin("Waiting for it to answer", "process 7")
        await asyncio.sleep(0)
        steps.fail("no space left")
        await asyncio.wait_for(listener, 5)
        return told

    assert asyncio.run(story()) == [
        ("Opening your home directory", "", ""),
        ("Starting your Jupyter server", "", ""),
        ("Waiting for it to answer", "process 7", ""),
        ("Waiting for it to answer", "process 7", "no space left"),
    ]


def test_two_pages_may_listen_to_one_start():
    async def story():
        steps = Steps()

        listeners = [asyncio.ensure_future(anext(steps.follow())) for _ in range(2)]
        await asyncio.sleep(0)
        steps.begin("Opening your home directory")
        return await asyncio.wait_for(asyncio.gather(*listeners), 5)

    assert [event["message"] for event in asyncio.run(story())] == ["Opening your home directory"] * 2


def test_progress_grows_and_is_never_full_before_the_server_is_ready():
    steps = Steps()
    for label in ("a", "b", "c", "d"):
        steps.steps.append(type("Step", (), {"label": label, "detail": ""}))

    assert [steps.event(number)["progress"] for number in (1, 2, 3, 4)] == [0, 25, 50, 75]
