"""Entries of the log as bytes on disk: each with its length and checksum, so that a cut is noticed."""

import struct
import zlib
from typing import Final

from services.eventlog.port import Entry

__all__ = ["decode_entries", "encode_entry"]

_FRAME: Final = struct.Struct("<II")
_LENGTHS: Final = struct.Struct("<IIH")
_HEADER: Final = struct.Struct("<HI")


def encode_entry(entry: Entry) -> bytes:
    """Return the frame of an entry: length, CRC-32, then key, value and headers."""
    key = entry.key.encode()
    parts = [_LENGTHS.pack(len(key), len(entry.value), len(entry.headers)), key, entry.value]
    for name, value in entry.headers:
        raw = name.encode()
        parts += [_HEADER.pack(len(raw), len(value)), raw, value]
    body = b"".join(parts)
    return _FRAME.pack(len(body), zlib.crc32(body)) + body


def decode_entries(raw: bytes, limit: int | None = None) -> tuple[list[Entry], int]:
    """Return up to ``limit`` entries and how many bytes they fill.

    Stops at the first frame that is cut off or damaged.
    """
    entries: list[Entry] = []
    at = 0
    while limit is None or len(entries) < limit:
        if len(raw) < at + _FRAME.size:
            break
        length, checksum = _FRAME.unpack_from(raw, at)
        body = raw[at + _FRAME.size : at + _FRAME.size + length]
        if length < _LENGTHS.size or len(body) < length or zlib.crc32(body) != checksum:
            break
        entries.append(_decode_body(body))
        at += _FRAME.size + length
    return entries, at


def _decode_body(body: bytes) -> Entry:
    key_length, value_length, count = _LENGTHS.unpack_from(body)
    at = _LENGTHS.size
    key, at = body[at : at + key_length].decode(), at + key_length
    value, at = body[at : at + value_length], at + value_length
    headers = []
    for _ in range(count):
        name_length, length = _HEADER.unpack_from(body, at)
        at += _HEADER.size
        name, at = body[at : at + name_length].decode(), at + name_length
        headers.append((name, body[at : at + length]))
        at += length
    return Entry(key, value, tuple(headers))
