"""Text with the same width in every terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from chanfitness.terminal.cells import cut_end, one_width, padded, width

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
FLAG = "\U0001f1e8\U0001f1ed"
ALIASES = st.text(max_size=32).map(one_width)


@pytest.mark.parametrize(
    ("text", "shown", "cells"),
    [
        ("plain", "plain", 5),
        ("\u6f22\u5b57", "\u6f22\u5b57", 4),
        ("e\u0301lan", "e\u0301lan", 4),
        ("\u26a1\ufe0f", "\u26a1", 2),
        ("\u2764\ufe0f", "\u2764", 1),
        (FAMILY, r"👨\u200d👩\u200d👧", 6 + 12),
        ("\U0001f44d\U0001f3fd", "\U0001f44d\\U0001f3fd", 2 + 10),
        (FLAG, FLAG, 2),
        (FLAG[0], r"\U0001f1e8", 10),
        (FLAG + FLAG[0] + "x", FLAG + r"\U0001f1e8" + "x", 2 + 10 + 1),
        ("\u05d0\u05dc", r"\u05d0\u05dc", 12),
        ("\u0661", r"\u0661", 6),
        ("\u202e\u2066\x1b\0\n", r"\u202e\u2066\x1b\x00\n", 6 + 6 + 4 + 4 + 2),
    ],
)
def test_sequences_that_terminals_draw_differently_are_broken_up(
    text: str, shown: str, cells: int
) -> None:
    assert one_width(text) == shown
    assert (width(shown), cell_len(shown)) == (cells, cells)


@given(ALIASES)
def test_no_control_joining_or_reordering_characters_are_left(text: str) -> None:
    assert text.isprintable()
    assert not {unicodedata.bidirectional(each) for each in text} & {"R", "AL", "AN"}
    assert not {"\u200d", "\ufe0f", "\U0001f3fb"} & set(text)
    assert one_width(text) == text


@given(ALIASES, st.integers(3, 40))
def test_cut_text_fits_and_has_the_same_beginning(text: str, cells: int) -> None:
    cut = cut_end(text, cells)
    assert width(cut) <= cells
    if cut != text:
        assert text.startswith(cut.removesuffix("..."))
        assert width(text) > cells
    assert width(padded(cut, cells)) == cells
    assert padded(cut, cells, left=False).endswith(cut)


def test_letters_with_marks_and_flags_are_never_split() -> None:
    assert cut_end("e\u0301" * 9, 5) == "e\u0301" * 2 + "..."
    assert cut_end(FLAG * 5, 8) == FLAG * 2 + "..."
    assert cut_end(FLAG * 5, 4) == "..."
