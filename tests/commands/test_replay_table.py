"""The table of ``chanfitness replay``: its order, its limit, its formats."""

from __future__ import annotations

import csv
import io
from importlib import resources

import pytest

from ..support.terminal import answer_of, printed_by, run

RECORDING = str(resources.files("chanfitness") / "recording" / "samples" / "lnd-simnet.jsonl")


def test_the_worst_channel_comes_first() -> None:
    """In the table that ``make run`` shows."""
    done = run("replay", RECORDING)
    _, heads, *rows = done.stdout.decode().splitlines()
    assert heads.split()[-2] == "ONLINE"
    shares = [float(row.split()[-2].rstrip("%")) for row in rows]
    assert shares == sorted(shares)
    assert (len(shares), shares[0] < shares[-1] == 100) == (6, True)


def test_a_limit_keeps_the_worst_channels() -> None:
    lines = [line.split() for line in printed_by("replay", RECORDING).splitlines()]
    limited = printed_by("replay", RECORDING, "--limit", "2").splitlines()
    assert [line.split() for line in limited] == [*lines[:4], ["...", "and", "4", "more"]]


@pytest.mark.parametrize(("limit", "more"), [([], 0), (["--limit", "2"], 4), (["--limit=9"], 0)])
def test_csv_has_the_rows_of_json_and_json_counts_those_left_out(
    limit: list[str], more: int
) -> None:
    answer = answer_of("replay", RECORDING, *limit)
    assert (answer["more"], len(answer["channels"])) == (more, 6 - more)
    in_csv = list(csv.DictReader(io.StringIO(printed_by("replay", RECORDING, "--csv", *limit))))
    assert in_csv == [
        {
            name: "" if value is None else str(value)
            for name, value in [*row.items(), ("as_of", answer["as_of"])]
        }
        for row in answer["channels"]
    ]
