"""docs/faults.md and the tests that cause faults name each other."""

import ast
import re

from conftest import ROOT

PAGE = ROOT / "docs/faults.md"


def rows():
    """The cells of each row of the page's tables, without headings."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in cells if row[0] != "fault" and not row[0].startswith("---")]


def is_fault(decorator):
    """Whether a decorator is `pytest.mark.fault`."""
    return isinstance(decorator, ast.Attribute) and decorator.attr == "fault"


def marked_tests():
    """The tests that cause a fault, as pytest names them."""
    return {
        f"tests/{path.name}::{node.name}"
        for path in (ROOT / "tests").glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and any(map(is_fault, node.decorator_list))
    }


def test_every_row_names_a_test_and_every_test_has_a_row():
    named = [test for row in rows() for test in re.findall(r"`(tests/[^`]+)`", row[-1])]
    assert set(named) == marked_tests()


def test_every_row_says_what_happens_and_what_is_kept():
    assert all(len(row) == 4 and all(row) for row in rows())
