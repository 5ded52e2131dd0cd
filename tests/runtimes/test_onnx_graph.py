"""What a graph is told to be: axes of any size, examples, and the same with sizes fixed."""

from __future__ import annotations

import pytest
import torch

from spectrack.runtimes.graph import Given, Graph, parsed, plain
from spectrack.runtimes.spectral import SFSegStep


def test_axes_are_numbers_or_multiples_of_a_letter():
    given = Given((1, "n", "16h"), -2, 3)
    assert given.shape({"n": 5, "h": 3}) == (1, 5, 48)
    assert given.words() == ["1", "n", "16*h"]
    assert parsed("32w") == (32, "w")
    with pytest.raises(ValueError, match="no axis"):
        parsed("h2")


def test_examples_fill_their_range_and_repeat():
    graph = Graph("add", lambda network, a, b: a + b, {"a": Given(("n",), -2, 3), "b": Given(())},
                  ("sum",))  # fmt: skip
    (a, b), (again, _) = graph.example({"n": 4000}), graph.example({"n": 4000})
    assert a.shape == (4000,)
    assert b.shape == ()
    assert torch.equal(a, again)
    assert -2 <= a.min() < -1.9
    assert 2.9 < a.max() <= 3


def test_fixed_sizes_leave_other_letters_free():
    graph = Graph("same", lambda network, a: a, {"a": Given(("n", "16h", 3))}, ("a",))
    assert graph.fixed(h=4).inputs["a"].axes == ("n", 64, 3)
    assert graph.inputs["a"].axes == ("n", "16h", 3)


def test_a_network_without_weights_is_taken_as_it_is():
    step = SFSegStep()
    assert plain(step) is step
