"""Going on at once, in a task, and not at all."""

import asyncio

import pytest
from guard import unpaused

from reticent.guard.turns import Errand, Wait, in_task


def run(work):
    async def main():
        loop = asyncio.get_running_loop()
        await work(loop, Errand(loop), Wait(loop))

    unpaused.run(main())


async def outside(loop, call):
    """Call where the event loop calls its protocols: in no task."""
    done = loop.create_future()
    loop.call_soon(lambda: done.set_result(call()))
    return await done


def test_an_errand_goes_on_in_the_call_that_ends_its_wait():
    async def work(loop, errand, wait):
        said = []

        async def running():
            said.append("begun")
            wait.begin()
            await wait
            said.append("over")

        def calls():
            errand.begin(running())
            said.append("waits")
            wait.end()
            return list(said)

        assert await outside(loop, calls) == ["begun", "waits", "over"]

    run(work)


def test_an_errand_takes_nobody_elses_task_for_its_own():
    async def work(loop, errand, wait):
        said = []

        async def running():
            wait.begin()
            await wait
            said.append(asyncio.current_task())

        await outside(loop, lambda: errand.begin(running()))
        wait.end()  # from within this task
        assert not said
        await asyncio.sleep(0.01)
        assert said == [None]

    run(work)


def test_what_waits_for_the_loop_goes_on_in_a_task():
    async def work(loop, errand, wait):
        said = []

        async def running():
            await in_task()
            async with asyncio.timeout(5):
                wait.begin()
                loop.call_later(0.001, wait.end, ValueError("why"))
                with pytest.raises(ValueError, match="why"):
                    await wait
            said.append("over")

        await outside(loop, lambda: errand.begin(running()))
        await asyncio.sleep(0.05)
        assert said == ["over"]

    run(work)


@pytest.mark.parametrize("of_the_loop", [False, True])
def test_a_cancelled_errand_cleans_up(of_the_loop):
    async def work(loop, errand, wait):
        said = []

        async def running():
            try:
                wait.begin()
                await (asyncio.sleep(60) if of_the_loop else wait)
            except asyncio.CancelledError:
                said.append("cancelled")
                await asyncio.sleep(0.001)
                raise
            finally:
                said.append("cleaned up")

        await outside(loop, lambda: errand.begin(running()))
        await asyncio.sleep(0.01)
        errand.cancel()
        await asyncio.sleep(0.05)
        assert said == ["cancelled", "cleaned up"]
        wait.end()

    run(work)
