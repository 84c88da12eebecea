"""Safety of the page: escaping of untrusted text, content security policy; colour contrast."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources
from pathlib import Path

import pytest

from chanfitness.checks import printable

from ..support.made_up_peers import (
    DAY,
    HOSTILE,
    HOUR,
    MadeUpPeer,
    make_database,
    many_peers,
)
from ..support.pages import blind, page_of
from ..support.values import START


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


def test_hostile_names_are_escaped(path: Path) -> None:
    make_database(path, [MadeUpPeer(alias) for alias in HOSTILE], DAY)
    page, plain = page_of(path), page_of(make_database(path.with_name("b"), [MadeUpPeer("a")], DAY))
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in plain.tags}
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 1
    assert not any(not each.isprintable() and each != "\n" for each in page.html)
    assert "49" not in re.findall(r"<bdi>(.*?)</bdi>", page.html)
    for alias in HOSTILE:
        assert " ".join(printable(alias).split()) in page.text


def test_all_other_text_is_escaped(path: Path) -> None:
    make_database(path, [MadeUpPeer()], DAY)
    told = [blind(START, START + HOUR, "\x1b</script>", "\u202e<b>")]
    page = page_of(path, told, title="\udcff\u202e</title><b>")
    assert all(map(str.isprintable, page.html.encode().decode().split("\n")))
    assert page.text.startswith("\\udcff\\u202e</title><b> ")
    assert "1h 0m, \\x1b</script> (\\u202e<b>)" in page.text


def test_the_policy_allows_only_the_pages_own_style_and_script(path: Path) -> None:
    page = page_of(make_database(path, [MadeUpPeer()], DAY))
    (policy,) = [
        named["content"]
        for tag, named in page.tags
        if tag == "meta" and named.get("http-equiv") == "Content-Security-Policy"
    ]
    for name in ("style", "script"):
        (text,) = re.findall(rf"<{name}>(.*?)</{name}>", page.html, re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}';" in str(policy)
    assert str(policy).startswith("default-src 'none'; ")
    assert " img-src data:;" in str(policy)
    assert ("link", {"rel": "icon", "href": "data:,"}) in page.tags


def test_the_page_has_no_handlers_style_attributes_or_urls(path: Path) -> None:
    page = page_of(make_database(path, many_peers(40), 3 * DAY))
    for tag, named in page.tags:
        assert not [name for name in named if name == "style" or name.startswith("on")], tag
        for name in ("href", "src"):
            assert str(named.get(name, "#")).startswith(("#", "data:,"))
    assert "//" not in re.sub(r"<script>.*?</script>", "", page.html, flags=re.S)


def test_ids_are_unique_and_links_have_targets(path: Path) -> None:
    page = page_of(make_database(path, many_peers(40), 3 * DAY))
    ids = [named["id"] for _, named in page.tags if "id" in named]
    assert len(ids) == len(set(ids))
    links = {str(named["href"])[1:] for tag, named in page.tags if tag in ("a", "use")}
    assert links <= set(ids)


def test_the_script_is_short() -> None:
    script = resources.files("chanfitness.web").joinpath("page.js").read_bytes()
    assert len(script) < 10 * 1024


# Colours.


def luminance(colour: str) -> float:
    """Relative luminance, as the accessibility guidelines define it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    bright, dark = sorted(map(luminance, (one, other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_colours_have_enough_contrast(scheme: int) -> None:
    style = resources.files("chanfitness.web").joinpath("page.css").read_text()
    block = re.findall(r":root \{(.*?)\}", style, re.S)[scheme]
    colours = {
        name: value if len(value) == 7 else f"#{value[1] * 2}{value[2] * 2}{value[3] * 2}"
        for name, value in re.findall(r"--([a-z-]+): (#[0-9A-Fa-f]+);", block)
    }
    assert (colours["on"], colours["off"]) == [("#A9D3F0", "#B03A00"), ("#2B5672", "#FF9A4D")][
        scheme
    ]
    assert contrast(colours["on"], colours["off"]) > 3.6
    for name in ("text", "quiet", "link", "off"):
        assert contrast(colours[name], colours["back"]) > 4.5, name
    for name in ("bad", "blind"):
        assert contrast(colours[name], colours["back"]) > 3, name
        assert contrast(colours[name], colours[f"{name}-back"]) > 3, name
