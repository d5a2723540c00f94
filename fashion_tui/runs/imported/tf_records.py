"""Read the records of an event file, which is a TFRecord file.

A record is its length (uint64), the masked CRC-32C of the length (uint32), the data, and the masked CRC-32C of the data
(uint32), all little-endian. Source: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
"""

import errno
import os
import struct
from collections import deque
from collections.abc import Callable, Iterator
from io import BufferedReader

_HEADER = struct.Struct("<QI")
_LENGTH_BYTES = 8
_CRC = struct.Struct("<I")

MAX_CHECKED_BYTES = 64 << 10
"""Maximum length of a record whose checksum is verified. Longer records contain images, for example, but no scalars."""

MAX_RECORD_BYTES = 16 << 20
"""Maximum length of a record that is read. Longer records are skipped."""

MAX_SHORT_BYTES = 4 << 10
"""Maximum length of a record that `last_short_records` returns. A record of scalars usually has less than 100 bytes."""

Checksum = Callable[[bytes], int]
"""Function that returns the masked CRC-32C of bytes."""


class RecordReader:
    """Reads the records of a growing file. An incomplete record at the end is read again later."""

    def __init__(self, checksum: Checksum) -> None:
        self._checksum = checksum
        self.offset = 0
        """Position after the last complete record."""
        self.bad_records = 0
        """Number of records whose data doesn't match its checksum."""

    def records(self, file: BufferedReader, size: int, end: int) -> Iterator[bytes]:
        """Yield the complete records of a file of `size` bytes that begin before the position `end`.

        Raises OSError if the length of a record is damaged, because the following records can't be found then.
        """
        file.seek(self.offset)
        while self.offset < end and self.offset + _HEADER.size <= size:
            header = file.read(_HEADER.size)
            length, _ = _HEADER.unpack(header)
            _check_length(header, self.offset, self._checksum)
            after = self.offset + _HEADER.size + length + _CRC.size
            if after > size:
                return
            self.offset = after
            if length > MAX_RECORD_BYTES:
                file.seek(after)
                continue
            data = file.read(length)
            (checksum,) = _CRC.unpack(file.read(_CRC.size))
            if length <= MAX_CHECKED_BYTES and self._checksum(data) != checksum:
                self.bad_records += 1
            else:
                yield data


def check_start(start: bytes, checksum: Checksum) -> None:
    """Raise OSError if a file that begins with these bytes doesn't begin with a record."""
    if len(start) >= _HEADER.size:
        _check_length(start[: _HEADER.size], 0, checksum)


def _check_length(header: bytes, offset: int, checksum: Checksum) -> None:
    """Raise OSError if the length of the record at this offset is damaged."""
    if checksum(header[:_LENGTH_BYTES]) != _HEADER.unpack(header)[1]:
        raise OSError(errno.EILSEQ, f"the record at byte {offset:,} is damaged; the records after it aren't read")


def find_records(data: bytes, checksum: Checksum) -> Iterator[bytes]:
    """Yield the complete records in a part of a file, which may begin and end in the middle of a record."""
    position = 0
    while position + _HEADER.size <= len(data):
        length, expected = _HEADER.unpack_from(data, position)
        start = position + _HEADER.size
        # Most positions are ruled out by an implausible length, which is fast to check.
        if length > len(data) - start or checksum(data[position : position + _LENGTH_BYTES]) != expected:
            position += 1
            continue
        if start + length + _CRC.size > len(data):
            return
        position = start + length + _CRC.size
        record = data[start : start + length]
        if length <= MAX_CHECKED_BYTES and checksum(record) == _CRC.unpack_from(data, start + length)[0]:
            yield record


def last_short_records(file: BufferedReader, count: int, checksum: Checksum) -> Iterator[bytes]:
    """Yield the last `count` complete records that are short, and skip long ones without reading their data."""
    descriptor = file.fileno()
    size = os.fstat(descriptor).st_size
    found = deque[tuple[int, int]](maxlen=count)
    offset = 0
    while len(header := os.pread(descriptor, _HEADER.size, offset)) == _HEADER.size:
        (length, _), start = _HEADER.unpack(header), offset
        offset += _HEADER.size + length + _CRC.size
        if offset > size:
            break
        if length <= MAX_SHORT_BYTES:
            found.append((start, offset))
    for start, end in found:
        yield from find_records(os.pread(descriptor, end - start, start), checksum)
