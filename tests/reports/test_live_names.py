"""Names in the live table: which are shown, and how hostile ones are escaped."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rich.cells import cell_len

from chanfitness import Overview

from ..support.live_tables import Looking, coloured, looking, overview
from ..support.terminal_screen import colours, pictures

__all__ = ["coloured", "looking"]


def described(*aliases: str | None, active: bool | None = True) -> Overview:
    """A snapshot with a channel and an online peer for each alias."""
    known = overview(len(aliases))
    return known._replace(
        channels=tuple(
            info._replace(short_channel_id=f"700000x{number}x0", active=active)
            for number, info in enumerate(known.channels)
        ),
        peers=tuple(
            info._replace(alias=alias, online=True)
            for info, alias in zip(known.peers, aliases, strict=True)
        ),
    )


def test_names_come_first_and_distinct_aliases_need_no_keys(looking: Looking) -> None:
    picture = looking.picture(described("Alice", "Bob", "a name that is too long"))
    assert " ".join(picture[2].split()).startswith("ALIAS SHORT ID STATE")
    assert [line.split("  ")[0] for line in picture[3:6]] == ["Alice", "Bob", "a name that i..."]


@pytest.mark.parametrize("aliases", [["Twin", "Twin"], ["Twin", None], ["Twin", ""]])
def test_ambiguous_aliases_are_shown_with_keys(looking: Looking, aliases: list[str | None]) -> None:
    picture = looking.picture(described(*aliases))
    assert " ".join(picture[2].split()) == "ALIAS SHORT ID CHANNEL POINT PEER"
    assert [picture[line].split()[-1] for line in (4, 6)] == ["02000000...0001", "02000000...0002"]


def test_an_unusable_channel_of_an_online_peer_is_inactive(
    looking: Looking,
) -> None:
    inactive = described("online", "Bob", active=False)
    offline = inactive.peers[1]._replace(online=False)
    looking.show(inactive._replace(peers=(inactive.peers[0], offline)))
    text, _ = looking.end()
    (picture,) = pictures(text)
    assert picture[1] == (
        "2 channels, 1 of them online but 1 of these inactive; blind for 0.0s in all"
    )
    assert [line.split()[2] for line in picture[3:5]] == ["inactive", "offline"]
    assert (colours(text, "inactive"), colours(text, "offline")) == ({"33"}, {"31"})
    assert colours(text, "online  ") == set()  # the alias


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_hostile_names_are_harmless_and_aligned(columns: int) -> None:
    hostile = [
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u05d0\u05dc\u05d9\u05e1",
        "\x1b[2J\n",
        "\u6f22\u5b57" * 5,
        "e\u0301" * 10,
        "\u2764\ufe0f",
    ]
    looking = Looking(columns, 40)
    with looking.output, looking.errors:
        picture = looking.picture(described(*hostile))
    height = 4 if columns == 40 else 1
    rows = picture[2 if columns > 40 else 3 :][: 7 * height]
    assert len({cell_len(line) for line in rows[height - 1 :: height]}) == 1
    assert all(line.isprintable() for line in picture)
    assert max(map(cell_len, picture)) <= columns


def test_no_figure_of_the_summary_is_cut() -> None:
    looking = Looking(40, 24)
    with looking.output, looking.errors:
        picture = looking.picture(overview(3, blind=timedelta(minutes=2)))
    assert picture[1:3] == ["3 channels, 2 of them online; blind for", "2m 0s in all"]
