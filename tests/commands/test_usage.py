"""Errors of bad arguments: the reason, and the command's usage."""

from __future__ import annotations

import pytest

from chanfitness.commands.main import main

Printed = pytest.CaptureFixture[str]

COMMANDS = {
    "show": ["show", "fitness.db"],
    "replay": ["replay", "recording.jsonl"],
    "report": ["report", "fitness.db"],
    "backup": ["backup", "fitness.db", "copy.db"],
    "watch lnd": ["watch", "lnd"],
    "watch cln": ["watch", "cln"],
    "alerts test": ["alerts", "test"],
}


def refusal(capsys: Printed, *arguments: str) -> str:
    """The error printed for bad arguments."""
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    printed = capsys.readouterr()
    assert (raised.value.code, printed.out) == (2, "")
    return printed.err


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_arguments_are_named_with_the_usage_of_their_command(
    name: str, capsys: Printed
) -> None:
    printed = refusal(capsys, *COMMANDS[name], "--bogus", "--more=1")
    usage, *_, error = printed.splitlines()
    assert usage.startswith(f"usage: chanfitness {name} [-h]")
    assert error == f"chanfitness {name}: error: unrecognized arguments: --bogus --more=1"


def test_a_window_that_conflicts_with_a_view_is_an_error_of_show(capsys: Printed) -> None:
    usage, *_, error = refusal(
        capsys, "show", "fitness.db", "--closed", "--window", "7d"
    ).splitlines()
    assert usage.startswith("usage: chanfitness show [-h]")
    assert error == "chanfitness show: error: --window does not go with --closed"


def test_bad_and_missing_values_are_errors_of_their_command(
    capsys: Printed,
) -> None:
    assert "\nchanfitness show: error: argument --limit: " in refusal(
        capsys, "show", "fitness.db", "--limit=x"
    )
    assert "\nchanfitness watch: error: the following arguments are required: NODE" in refusal(
        capsys, "watch"
    )
    assert "\nchanfitness: error: the following arguments are required: COMMAND" in refusal(capsys)


@pytest.mark.parametrize("name", ["show", "replay"])
@pytest.mark.parametrize("text", ["0", "000"])
def test_a_limit_of_zero_is_refused(name: str, text: str, capsys: Printed) -> None:
    printed = refusal(capsys, *COMMANDS[name], "--limit", text)
    assert f"argument --limit: bad count '{text}': expected 1 or more" in printed


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("show", "--window"),
        ("report", "--since"),
        ("replay", "--alert-after"),
        ("watch lnd", "--alert-after"),
        ("watch cln", "--alert-after"),
    ],
)
@pytest.mark.parametrize("text", ["0d", "00s"])
def test_an_empty_period_is_refused(name: str, option: str, text: str, capsys: Printed) -> None:
    printed = refusal(capsys, *COMMANDS[name], option, text)
    assert f"argument {option}: bad period '{text}': expected more than zero" in printed


@pytest.mark.parametrize("name", ["replay", "watch lnd", "watch cln"])
def test_the_error_of_a_zero_own_outage_suggests_off(name: str, capsys: Printed) -> None:
    printed = refusal(capsys, *COMMANDS[name], "--own-outage", "0s")
    assert "argument --own-outage: bad period '0s': expected one like 90s, or off" in printed


def test_a_lightningd_is_named_by_its_socket_or_by_its_directory(capsys: Printed) -> None:
    printed = refusal(capsys, "watch", "cln", "--rpc-file", "a", "--lightning-dir", "b")
    assert "argument --lightning-dir: not allowed with argument --rpc-file" in printed
