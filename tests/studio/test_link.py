"""Addresses of what a tab shows: what they keep, and what hostile ones do."""

from __future__ import annotations

import json
import random
import tracemalloc
import zlib
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augreg.studio.images.pictures import Pictures
from augreg.studio.link import LinkError, pack, query_of, session_of, unpack
from augreg.studio.session import IMAGES, Session, View

TEXT = '{"version": 1, "augment": [{"op": "flip", "p": 0.5}]}'
OTHER = TEXT.replace("0.5", "0.25")
LARGEST = 2**32 - 1


def opened(query: str) -> Session:
    renderer: Any = None  # no sample is made here
    return session_of(dict(parse_qsl(query)), "p.json", TEXT, Pictures(()), renderer)


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    assert unpack(pack(text)) == text


def test_an_address_keeps_all_that_a_tab_shows() -> None:
    before = opened("")
    before.write(OTHER)
    before.pair(TEXT)
    before.look(seed=LARGEST, epoch=7, index=1, across=IMAGES, annotations=False)
    before.turn("show", "Compare")
    after = opened(query_of(before))
    assert (after.text, after.other, after.view) == (OTHER, TEXT, before.view)
    assert after.tabs == {"show": "Compare"}
    assert (after.saved, after.error, after.notice) == (TEXT, None, "")


def test_the_text_of_the_file_is_not_in_the_address() -> None:
    session = opened("")
    assert query_of(session) == "seed=0&epoch=0&index=0"
    assert dict(parse_qsl(query_of(session, whole=True)))["policy"] == pack(TEXT)


def test_a_sample_in_detail_comes_back() -> None:
    session = opened("seed=3&epoch=5")
    session.open((3, 9, 0))
    again = opened(query_of(session))
    assert again.detail == (3, 9, 0)
    assert again.view == View(seed=3, epoch=9)


def test_a_broken_policy_comes_back_with_its_error() -> None:
    session = opened(f"policy={pack('{')}")
    assert session.text == "{"
    assert session.error is not None
    assert session.policy is not None  # of the file


def cut(text: str) -> str:
    return urlsafe_b64encode(zlib.compress(text.encode())[:-6]).decode()


def not_text() -> str:
    return urlsafe_b64encode(zlib.compress(b"\xff\xfe")).decode()


@pytest.mark.parametrize(
    ("query", "notice"),
    [
        ("policy=%00", '"policy" of the address can\'t be read; it is left out'),
        ("policy=AAAA", '"policy" of the address can\'t be read; it is left out'),
        (f"policy={cut(OTHER)}", '"policy" of the address is cut off; it is left out'),
        (f"policy={not_text()}", '"policy" of the address can\'t be read; it is left out'),
        ("b=....", '"b" of the address can\'t be read; it is left out'),
        (
            "seed=4294967296",
            '"seed" of the address is 4294967296, and at most 4294967295 here; it is taken as 0',
        ),
        ("index=2", '"index" of the address is 2, and at most 1 here; it is taken as 0'),
        *(
            (
                f"epoch={wrong}",
                '"epoch" of the address has to be a whole number from 0 to 4294967295; '
                "it is taken as 0",
            )
            for wrong in ("-1", "1.5", "%D9%A1", "x", "9" * 5000)
        ),
    ],
)
def test_a_hostile_address_gives_a_message_and_what_would_be_there_without(
    query: str, notice: str
) -> None:
    session = opened(query)
    assert session.notice == notice
    assert (session.text, session.other, session.view) == (TEXT, "", View())


def test_two_mistakes_are_both_said() -> None:
    notice = opened("policy=AAAA&index=9").notice
    assert [part.split()[0] for part in notice.split("; ")[::2]] == ['"policy"', '"index"']


def test_a_bomb_is_not_inflated() -> None:
    bomb = urlsafe_b64encode(zlib.compress(bytes(100_000_000))).decode()
    tracemalloc.start()
    with pytest.raises(LinkError, match="is longer than the 1,000,000 bytes of a policy"):
        unpack(bomb)
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


def test_a_text_too_long_for_an_address_is_left_out() -> None:
    session = opened("")
    noise = random.Random(1).randbytes(30_000).hex()
    session.write(json.dumps({**json.loads(TEXT), "description": noise}))
    assert len(query_of(session)) < 100
