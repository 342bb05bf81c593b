"""MATLAB ``.mat`` files of version 5 to 7, checked before scipy reads them.

scipy's reader trusts the sizes that a file states; a damaged one can end the whole process. So every element
is walked here first: sizes must fit into what holds them, and arrays be as large as their dimensions say.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass

from gridhub.errors import FileFormatError
from gridhub.interop.input_files import MAX_BYTES, fail

_MATRIX, _COMPRESSED = 14, 15
_ITEM_BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}
"""Bytes per item of every data type that holds numbers or text."""

_CELL, _STRUCT, _CHAR = 1, 2, 4
_NUMBERS = range(6, 16)
_INTEGERS = (5, 6)
_COMPLEX = 0x0800
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class _Element:
    kind: int
    data: bytes
    next_position: int


class _Walker:
    """Walk the elements of one file; anything that does not fit raises ``ValueError``."""

    def __init__(self, order: str) -> None:
        self.order = order

    def read(self, data: bytes, position: int) -> _Element:
        """Read one element with its tag."""
        word, size = struct.unpack_from(f"{self.order}II", data, position)
        if word >> 16:
            kind, size = word & 0xFFFF, word >> 16
            if size > 4:
                raise ValueError("a short element states more than 4 bytes")
            return _Element(kind, data[position + 4 : position + 4 + size], position + 8)
        start = position + 8
        if start + size > len(data):
            raise ValueError("an element is larger than what holds it")
        padding = 0 if word == _COMPRESSED else -size % 8
        return _Element(word, data[start : start + size], start + size + padding)

    def read_header(self, data: bytes) -> tuple[int, int, int, bytes, int]:
        """Read class, flags, number of items, name and length of a matrix's header."""
        flags = self.read(data, 0)
        dimensions = self.read(data, flags.next_position)
        name = self.read(data, dimensions.next_position)
        if flags.kind != 6 or len(flags.data) != 8 or dimensions.kind != 5 or name.kind not in (1, 2):
            raise ValueError("an array has no proper header")
        word = struct.unpack_from(f"{self.order}I", flags.data)[0]
        count = len(dimensions.data) // 4
        sizes = struct.unpack(f"{self.order}{count}i", dimensions.data[: 4 * count])
        if not 2 <= count <= 8 or min(sizes) < 0 or len(dimensions.data) % 4:
            raise ValueError("an array has impossible dimensions")
        return word & 0xFF, word, math.prod(sizes), name.data, name.next_position

    def check_matrix(self, data: bytes, depth: int = 0) -> None:
        """Check one array and, in cells and structs, everything in it."""
        if not data and depth:
            return  # how an empty field is written
        if depth > _DEEPEST:
            raise ValueError("structs are nested too deeply")
        kind, flags, items, _, position = self.read_header(data)
        if kind == _CELL:
            self._check_members(data, position, items, depth)
        elif kind == _STRUCT:
            self._check_struct(data, position, items, depth)
        elif kind == _CHAR or kind in _NUMBERS:
            for _ in range(2 if flags & _COMPLEX else 1):
                part = self.read(data, position)
                size = _ITEM_BYTES.get(part.kind, 0)
                fits = len(part.data) == items * size or (kind == _CHAR and len(part.data) <= 4 * items)
                if not size or not fits:
                    raise ValueError("an array is not as large as its dimensions say")
                position = part.next_position
        else:
            raise ValueError("holds sparse matrices, objects or functions, which no table of a case needs")

    def _check_struct(self, data: bytes, position: int, items: int, depth: int) -> None:
        length = self.read(data, position)
        names = self.read(data, length.next_position)
        if length.kind not in _INTEGERS or len(length.data) != 4 or names.kind != 1:
            raise ValueError("a struct has no proper field names")
        width = struct.unpack(f"{self.order}i", length.data)[0]
        if not 0 < width <= 64 or len(names.data) % width:
            raise ValueError("a struct has field names of impossible length")
        fields = [names.data[i : i + width] for i in range(0, len(names.data), width)]
        if any(not field.split(b"\0")[0].isalnum() and b"_" not in field for field in fields):
            raise ValueError("a struct has impossible field names")
        self._check_members(data, names.next_position, items * len(fields), depth)

    def _check_members(self, data: bytes, position: int, count: int, depth: int) -> None:
        if count > len(data) // 8:
            raise ValueError("an array states more members than it has room for")
        for _ in range(count):
            member = self.read(data, position)
            if member.kind != _MATRIX:
                raise ValueError("a member of an array is none itself")
            self.check_matrix(member.data, depth + 1)
            position = member.next_position


def _unpack(data: bytes, name: str, allowed: int) -> bytes:
    unpacker = zlib.decompressobj()
    unpacked = unpacker.decompress(data, allowed + 1)
    if len(unpacked) > allowed:
        raise fail("E-SIZE", name, f"unpacks to more than {MAX_BYTES} bytes")
    if not unpacker.eof:
        raise ValueError("compressed data ends early")
    return unpacked


def check_mat(data: bytes, name: str, limit: int = MAX_BYTES) -> None:
    """Check a ``.mat`` file of version 5 to 7 element by element.

    Parameters
    ----------
    data : bytes
    name : str
        For messages.
    limit : int
        Most bytes that its compressed parts may unpack to in all.

    Raises
    ------
    FileFormatError
        ``E-MAT-VERSION``: version 7.3 (HDF5), 4, or no MATLAB file; ``E-SIZE``: unpacks to too much;
        ``E-TRUNC``: cut off or damaged; also where it holds what no case needs.
    """
    if data[:8] == b"\x89HDF\r\n\x1a\n" or data[:10] == b"MATLAB 7.3":
        message = "MATLAB 7.3 files are not read: save it with save(…, '-v7'), or as .m with savecase"
        raise fail("E-MAT-VERSION", name, message, "7.3")
    if data[:10] != b"MATLAB 5.0" or data[124:128] not in (b"\x00\x01IM", b"\x01\x00MI"):
        raise fail("E-MAT-VERSION", name, "not a MATLAB file of version 5 to 7", data[:10].decode("latin-1"))
    walker = _Walker("<" if data[126:128] == b"IM" else ">")
    position, left = 128, limit
    try:
        while position < len(data):
            element = walker.read(data, position)
            position = element.next_position
            if element.kind == _COMPRESSED:
                unpacked = _unpack(element.data, name, left)
                left -= len(unpacked)
                element = walker.read(unpacked, 0)
                if element.next_position < len(unpacked):
                    raise ValueError("compressed data holds more than one array")
            if element.kind != _MATRIX:
                raise ValueError("holds something that is no array")
            if walker.read_header(element.data)[3] == b"mpc":
                walker.check_matrix(element.data)
    except FileFormatError:
        raise
    except (ValueError, struct.error, zlib.error) as error:
        raise fail("E-TRUNC", name, f"damaged or cut off: {error}", "", f"byte {position}") from error
