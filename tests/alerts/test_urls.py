"""Delivery by URL to real servers, without the URL in any log or error."""

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


def test_a_webhook_gets_the_unchanged_text() -> None:
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
def test_a_refusal_is_an_error_without_the_url(
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


def test_an_unreachable_service_is_an_error_without_the_url(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with HttpReceiver() as receiver:
        port = receiver.port
    url = AppriseUrl(f"json://hidden-user:hidden-password@127.0.0.1:{port}/hidden-token")
    with pytest.raises(UndeliveredError, match="could not be reached"):
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
def test_a_bad_url_is_named_by_its_number(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ValueError, match="apprise cannot use URL 2 of those for alerts") as raised:
        AppriseUrl(url, 2)
    said = f"{raised.value} {caplog.text}"
    assert not [secret for secret in SECRETS if secret in said]


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_an_unreadable_file_of_urls_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "urls"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ChanFitnessError, match=f"^{re.escape(str(file))}: "):
        read_urls([f"@{file}"], None)


def test_a_library_that_cannot_run_is_an_error_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apprise.py").write_text("raise SystemExit(7)")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    with pytest.raises(ChanFitnessError, match="apprise cannot be run: it ended with status 7"):
        AppriseUrl("json://127.0.0.1")


def test_a_hanging_delivery_can_be_aborted() -> None:
    with HttpReceiver() as receiver:
        url = AppriseUrl(f"json://127.0.0.1:{receiver.port}")
        receiver.status = None
        call = Call(url, MESSAGE)
        receiver.get()
        url.abort()
        with pytest.raises(UndeliveredError):
            call.result()
