"""Compressed payloads come out whole and verified, piece by piece, or not at all."""

import gzip
import zlib
from io import BytesIO

import numpy as np
import pytest

from medcl.io.inflate import Coding, plain_pieces
from medcl.io.refusal import ReasonCode, RefusedSeries

NOISE = np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes()


def read(content: bytes, coding: Coding) -> bytes:
    return b"".join(plain_pieces(BytesIO(content), coding))


@pytest.mark.parametrize("piece_bytes", [1, 2, 7, 100, 2**22])
@pytest.mark.parametrize("payload", [b"", b"a", bytes(10_000), NOISE], ids=len)
def test_every_size_of_piece_gives_the_same_bytes(
    payload: bytes, piece_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medcl.io.inflate._PIECE_BYTES", piece_bytes)
    assert read(payload, "raw") == payload
    assert read(zlib.compress(payload) + bytes(9), "zlib") == payload
    members = gzip.compress(payload) + gzip.compress(b"") + gzip.compress(payload, 0)
    assert read(members + bytes(9), "gzip") == 2 * payload
    for piece in plain_pieces(BytesIO(members), "gzip"):
        assert len(piece) <= piece_bytes


def test_a_wrong_checksum_of_any_member_is_noticed() -> None:
    first = gzip.compress(NOISE)
    for place in (-1, -5):
        broken = bytearray(first)
        broken[place] ^= 1
        for content in (first + broken, broken + first):
            with pytest.raises(zlib.error):
                read(bytes(content), "gzip")
    broken = bytearray(zlib.compress(NOISE))
    broken[-1] ^= 1
    with pytest.raises(zlib.error):
        read(bytes(broken), "zlib")


def test_a_checksum_of_the_gzip_header_is_compared() -> None:
    plain = gzip.compress(NOISE, mtime=0)
    header = plain[:3] + b"\x02" + plain[4:10]
    checksum = zlib.crc32(header).to_bytes(4, "little")[:2]
    assert read(header + checksum + plain[10:], "gzip") == NOISE
    with pytest.raises(zlib.error):
        read(header + b"\0\0" + plain[10:], "gzip")


@pytest.mark.parametrize("coding", ["gzip", "zlib"])
def test_the_stream_must_reach_its_end_and_nothing_may_follow(coding: Coding) -> None:
    content = gzip.compress(NOISE) if coding == "gzip" else zlib.compress(NOISE)
    for length in (0, 1, 100, len(content) - 1):
        with pytest.raises(RefusedSeries) as caught:
            read(content[:length], coding)
        assert caught.value.code == ReasonCode.PIXEL_TRUNCATED
    for rest in (b"x", bytes(5) + b"x", b"\x1e\x8b"):
        with pytest.raises(RefusedSeries, match="follows the compressed stream"):
            read(content + rest, coding)
