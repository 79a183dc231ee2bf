"""MAPI property lists inside TNEF (MS-OXTNEF section 2.1.3.4), read within bounds."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_U32 = struct.Struct("<I")
_TAG = struct.Struct("<HH")
_MULTIPLE = 0x1000
_NAMED = 0x8000
_FIXED = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 0xA: 4, 0xB: 4, 0x14: 8, 0x40: 8, 0x48: 16, 0: 0, 1: 0}
_VARIABLE = frozenset({0xD, 0x1E, 0x1F, 0x102})
_MOST = 10_000

STRING8, UNICODE, OBJECT = 0x1E, 0x1F, 0xD


@dataclass(frozen=True, slots=True)
class Property:
    """One property: id and type as in MS-OXPROPS, and the octets of its first value without padding."""

    id: int
    type: int
    value: bytes


def properties(data: memoryview) -> Iterator[Property]:
    """The properties in order; ends quietly where the list is damaged, and after 10,000 values."""
    position = 4
    budget = _MOST
    try:
        count = _U32.unpack_from(data, 0)[0]
        while count and position < len(data) and budget > 0:
            kind, name = _TAG.unpack_from(data, position)
            position = _after_name(data, position + 4, name)
            values, position = _values(data, position, kind, budget)
            if values:
                yield Property(name, kind & ~_MULTIPLE, bytes(values[0]))
            budget -= max(1, len(values))
            count -= 1
    except (struct.error, KeyError):
        return


def _after_name(data: memoryview, position: int, name: int) -> int:
    if name < _NAMED:
        return position
    (kind,) = _U32.unpack_from(data, position + 16)
    if kind == 0:
        return position + 24
    (length,) = _U32.unpack_from(data, position + 20)
    return position + 24 + _padded(length)


def _values(data: memoryview, position: int, kind: int, budget: int) -> tuple[list[memoryview], int]:
    single = kind & ~_MULTIPLE
    variable = single in _VARIABLE
    count = 1
    if variable or kind & _MULTIPLE:
        (count,) = _U32.unpack_from(data, position)
        position += 4
    values = []
    for _ in range(min(count, budget)):
        if variable:
            (length,) = _U32.unpack_from(data, position)
            position += 4
        else:
            length = _FIXED[single]
        values.append(data[position : position + length])
        position += _padded(length)
    return values, position


def _padded(length: int) -> int:
    return length + -length % 4
