"""How things are counted and listed in sentences."""

import pytest

from pinch.core.text import counted, first, listed


@pytest.mark.parametrize(
    ("names", "said"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_names_in_a_sentence(names, said):
    assert listed(names) == said


@pytest.mark.parametrize(
    ("names", "said"),
    [([], ""), (["a"], "a"), (["a", "b"], "a, b"), (["a", "b", "c"], "a, b, and 1 more")],
)
def test_the_first_of_many_names(names, said):
    assert first(names, 2) == said
    assert first(names, 2, between="; ") == said.replace(",", ";")


def test_numbers_of_things():
    assert [counted(number, "box", "es") for number in (0, 1, 2000)] == ["0 boxes", "1 box", "2,000 boxes"]
