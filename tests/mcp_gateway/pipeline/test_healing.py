"""A model's unambiguous near miss reaches the API corrected."""

import json

import pytest

from support.in_process.gateway import World


@pytest.mark.parametrize("era", ["old", "new"])
async def test_a_number_given_as_text_arrives_as_a_number(world: World, era: str) -> None:
    answer = await world.call(era, "create_task", {"title": "7", "priority": "2"})
    assert not answer.get("isError")
    assert json.loads(world.api.requests[-1].body) == {"title": "7", "priority": 2}


@pytest.mark.parametrize("wrong", ["9", "two", ["2"], 2.5])
async def test_an_argument_that_cannot_be_healed_is_refused(world: World, wrong: object) -> None:
    answer = await world.call("new", "create_task", {"title": "x", "priority": wrong})
    assert answer["isError"]
    assert world.api.requests == []


async def test_the_event_names_the_corrected_arguments_and_never_their_values(
    world: World,
) -> None:
    await world.call("new", "create_task", {"title": "x", "priority": "2"})
    await world.call("new", "create_task", {"title": "x", "priority": 2})
    await world.call("new", "create_task", {"title": "x", "priority": "two"})
    assert [record["repaired"] for record in world.records] == ["priority", "", ""]
