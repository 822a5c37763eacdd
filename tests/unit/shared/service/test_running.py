from contextlib import AsyncExitStack
from typing import Any

from shared.service.checks import holds
from shared.service.running import Service


class Part:
    def __init__(self, name: str, did: list[str]) -> None:
        self.name = name
        self.did = did

    async def start(self) -> None:
        self.did.append(f"start {self.name}")

    async def stop(self) -> None:
        self.did.append(f"stop {self.name}")


class Subscription(Part):
    async def start(self) -> Any:
        await super().start()
        return f"member of {self.name}"


async def test_parts_stop_in_the_opposite_order() -> None:
    did: list[str] = []
    nothing: Any = None
    async with AsyncExitStack() as stack:
        service = Service(nothing, nothing, nothing, stack)
        first = await service.start(Part("first", did))
        member: Any = await service.join(Subscription("group", did))
        service.at_stop(Part("call", did).stop)

    assert (first.name, member) == ("first", "member of group")
    assert did == ["start first", "start group", "stop call", "stop group", "stop first"]


async def test_a_check_says_its_sentence_only_while_something_is_wrong() -> None:
    well = [True]
    check = holds(lambda: well[0], "it is broken")
    assert await check() is None
    well[0] = False
    assert await check() == "it is broken"
