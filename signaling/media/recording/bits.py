"""Bit fields of codec headers: fixed width, Exp-Golomb (H.264), LEB128 (AV1). Pure."""


class BadPayload(ValueError):
    """The bytes are not what their payload format says. The only error of the depacketizers and picture headers."""


class Bits:
    """Reads from the most significant bit on; BadPayload past the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        """Return the next bits as an unsigned number."""
        end = self._at + count
        if end > 8 * len(self._data):
            raise BadPayload("header ends early")
        first, last = self._at // 8, (end + 7) // 8
        value = int.from_bytes(self._data[first:last], "big") >> (8 * last - end)
        self._at = end
        return value & ((1 << count) - 1)

    def flag(self) -> bool:
        """Return the next bit."""
        return self.take(1) == 1

    def golomb(self) -> int:
        """Return an unsigned Exp-Golomb number, ue(v) of H.264 §9.1."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise BadPayload("Exp-Golomb number over 32 bits")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed_golomb(self) -> int:
        """Return a signed Exp-Golomb number, se(v)."""
        value = self.golomb()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def leb128(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and where it ended (AV1 §4.10.5); BadPayload for one of more than 32 bits or cut off."""
    value = 0
    for index in range(8):
        if at + index >= len(data):
            raise BadPayload("length is cut off")
        value |= (data[at + index] & 0x7F) << (7 * index)
        if not data[at + index] & 0x80:
            if value >> 32:
                break
            return value, at + index + 1
    raise BadPayload("length over 32 bits")


def write_leb128(value: int) -> bytes:
    """Return the shortest form."""
    out = bytearray()
    while True:
        byte, value = value & 0x7F, value >> 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)
