"""`docs/attacks.md` lists every attack once, with tests that exist."""

import re

from support.markdown import ROOT, read

ROW = re.compile(r"^\| A(\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def every_tests_name() -> set[str]:
    """The name of every test."""
    return {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        if "node_modules" not in path.parts
        for name in re.findall(r"^\s*(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }


def listed_numbers() -> list[int]:
    """The numbers of the rows; some above 189 were never given to an attack."""
    return [int(number) for number, *_ in ROW.findall(read("docs/attacks.md"))]


def test_every_attack_has_one_row_in_order() -> None:
    numbers = listed_numbers()
    assert numbers == sorted(set(numbers))
    assert numbers[:189] == [*range(1, 190)]


def test_every_listed_test_exists_and_a_row_without_one_says_why() -> None:
    known = every_tests_name()
    for number, attack, defence, tests in ROW.findall(read("docs/attacks.md")):
        listed = re.findall(r"`(\w+)`", tests)
        assert set(listed) <= known, (number, attack)
        assert listed or tests.startswith(("not applicable", "not built", "no test")), number
        assert defence.strip()
        # A test with its number tries each attack.
        if int(number) <= 71 or 88 <= int(number) <= 128:
            assert any(f"_a{number}" in name for name in listed) or tests.startswith("not"), number


def test_the_number_at_the_end_of_a_tests_name_is_an_attacks() -> None:
    numbers = {
        int(number)
        for name in every_tests_name()
        for number in re.findall(r"_a(\d{2,3})(?=_a\d|$)", name)
    }
    assert numbers <= set(listed_numbers())
