"""The masking of what clients send (RFC 6455 section 5.3)."""


def xor(data: bytes | bytearray | memoryview, mask: bytes | bytearray) -> bytes:
    """Take the mask from a payload, or put it on: both are the same.

    Args:
        data: The payload, from the first byte that the key masks.
        mask: The key, four bytes.
    """
    size = len(data)
    repeated = bytes(mask) * (size // 4 + 1)
    masked = int.from_bytes(data, "little") ^ int.from_bytes(repeated[:size], "little")
    return masked.to_bytes(size, "little")


try:
    from websockets.speedups import apply_mask as unmask
except ImportError:  # there is none for this platform
    unmask = xor

__all__ = ("unmask", "xor")
