"""Messages by URL reach real servers, and nothing of a URL reaches a log or an error."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from pathlib import Path

import pytest

from chanfitness import ChanFitnessError
from chanfitness.alerts import AppriseUrl, Message, UndeliveredError
from chanfitness.alerts.urls import read_urls

from ..support.receivers import HttpReceiver, SmtpReceiver
from ..support.stores import Call
from ..support.values import START

MESSAGE = Message(
    "peer_down", START, "02aa", "alice", ("00:0",), START, "<b>alice</b> *offline* 6 h; & so on"
)
SECRETS = ("hidden-user", "hidden-password", "hidden-token", "hidden-host")


def test_a_webhook_gets_the_text_as_it_is() -> None:
    types = {
        "peer_down": "warning",
        "peer_back": "success",
        "blind": "failure",
        "blind_end": "success",
        "more": "info",
    }
    with HttpReceiver() as receiver:
        url = AppriseUrl(f"json://user:password@127.0.0.1:{receiver.port}/token")
        for kind, type_ in types.items():
            url(MESSAGE._replace(kind=kind))
            request = receiver.get()
            assert request.path == "/token"
            assert request.authorization is not None
            body = json.loads(request.body)
            assert (body["title"], body["message"]) == ("chanfitness", MESSAGE.text)
            assert body["type"] == type_


def test_a_mail_has_the_text() -> None:
    with SmtpReceiver() as receiver:
        AppriseUrl(
            f"mailto://127.0.0.1:{receiver.port}/?mode=insecure&smtp=127.0.0.1"
            "&from=node@example.com&to=me@example.com&format=text"
        )(MESSAGE)
        mail = receiver.get()
    assert mail.recipients == ["me@example.com"]
    assert "Subject: chanfitness" in mail.text
    assert MESSAGE.text in mail.text


@pytest.mark.parametrize("status", [500, 401])
def test_a_service_that_does_not_take_it_is_an_error_without_the_url(
    status: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    user, password, token, _ = SECRETS
    with HttpReceiver() as receiver:
        receiver.status = status
        url = AppriseUrl(f"json://{user}:{password}@127.0.0.1:{receiver.port}/{token}", 3)
        with pytest.raises(UndeliveredError) as raised:
            url(MESSAGE)
        assert receiver.get().path == f"/{token}"
    said = f"{raised.value} {caplog.text} {capfd.readouterr()} {url.name}"
    assert not [secret for secret in SECRETS if secret in said]


def test_a_service_that_cannot_be_reached_is_an_error_without_the_url(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with HttpReceiver() as receiver:
        port = receiver.port
    url = AppriseUrl(f"json://hidden-user:hidden-password@127.0.0.1:{port}/hidden-token")
    with pytest.raises(UndeliveredError, match="cannot be reached"):
        url(MESSAGE)
    assert caplog.text == ""


@pytest.mark.parametrize(
    "url",
    [
        "hidden-token",
        "",
        "nobody-knows-this://hidden-host",
        "mailto://hidden-token",
        "tgram://hidden-token",
        "json://",
        "xyz://hidden-user:hidden-password@hidden-host",
    ],
)
def test_a_url_that_cannot_be_used_is_named_by_its_number(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ValueError, match="apprise cannot use URL 2 of those for alerts") as raised:
        AppriseUrl(url, 2)
    said = f"{raised.value} {caplog.text}"
    assert not [secret for secret in SECRETS if secret in said]


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'chanfitness\[alerts\]'"):
        AppriseUrl("json://127.0.0.1")


def test_urls_come_from_arguments_files_and_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "urls"
    file.write_text("# mine\n\n  a://1  \nb://2\n")
    assert read_urls(["c://3", f"@{file}"], " d://4\ne://5 ") == [
        "c://3",
        "a://1",
        "b://2",
        "d://4",
        "e://5",
    ]
    assert read_urls([], None) == []


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_of_urls_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "urls"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ChanFitnessError, match=f"^{re.escape(str(file))}: "):
        read_urls([f"@{file}"], None)


def test_a_library_that_does_not_run_is_found_out_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apprise.py").write_text("raise SystemExit(7)")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    with pytest.raises(ChanFitnessError, match="apprise cannot be run: it ended with status 7"):
        AppriseUrl("json://127.0.0.1")


def test_a_delivery_that_hangs_can_be_broken_off() -> None:
    with HttpReceiver() as receiver:
        url = AppriseUrl(f"json://127.0.0.1:{receiver.port}")
        receiver.status = None
        call = Call(url, MESSAGE)
        receiver.get()
        url.abort()
        with pytest.raises(UndeliveredError):
            call.result()
