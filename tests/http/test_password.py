"""HTTP Basic authentication, and password files."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from chanfitness.http.password import Password, read_password


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    "header",
    [basic("me:s€same:"), basic(":s€same:"), basic("me:s€same:").replace("Basic ", "bAsIc  ")],
)
def test_any_user_is_admitted_with_the_password(header: str) -> None:
    assert Password("s€same:").is_in(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic ====",
        "Basic \u20ac",
        f"Bearer {basic('me:s€same:')[6:]}",
        basic("s€same:"),
        basic("me:S€same:"),
        basic("me:s€same"),
        basic("me:"),
        basic(""),
    ],
)
def test_other_credentials_are_refused(header: str) -> None:
    assert not Password("s€same:").is_in(header)


def test_credentials_need_a_colon() -> None:
    assert not Password("x").is_in(basic("x"))


def test_a_password_is_not_shown() -> None:
    assert "sesame" not in repr(Password("sesame"))


def test_the_password_is_the_first_line_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes("s\u20acsame \r\nsomething else\n".encode())
    assert read_password(str(tmp_path / "file")).is_in(basic("me:s€same "))


@pytest.mark.parametrize("content", [b"", b"\nx\n", b"\xff\n"])
def test_a_file_without_a_password_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^bad password file '{path}': expected a password"):
        read_password(str(path))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^cannot read the password file '{tmp_path}': Is a dir"):
        read_password(str(tmp_path))
