"""Records of TLS 1.2 that no library sends, for clients that mean harm."""

import hmac
import itertools
import ssl
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.worker.certificates import authority

HANDSHAKE: Final = 22
_VERSION: Final = b"\3\3"
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 4


class Forger:
    """Encrypts records as a client does whose handshake is done, by the keys that it logs.

    Attributes:
        context: to shake hands with.

    Source: RFC 5246 sections 5 and 6.3 (keys), RFC 5288 section 3 (nonces), RFC 5246 section
        6.2.3.3 (what is authenticated).
    """

    def __init__(self, keylog: Path) -> None:
        """Prepare.

        Args:
            keylog: a file for the keys.
        """
        self.context = authority().client(version=ssl.TLSVersion.TLSv1_2)
        self.context.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384")
        self.context.keylog_filename = str(keylog)
        self._keylog = keylog

    def records(self, flight: bytes, kind: int, content: bytes, count: int) -> bytes:
        """Return records behind the client's Finished, which was its last one.

        Args:
            flight: the first thing that the server said: it begins with ServerHello.
            kind: of the records.
            content: of each of them.
            count: how many.
        """
        lines = (line.split() for line in self._keylog.read_text().splitlines())
        client_random, secret = next(line[1:] for line in lines if line[:1] == ["CLIENT_RANDOM"])
        seed = b"key expansion" + flight[11:43] + bytes.fromhex(client_random)
        block = _expand(bytes.fromhex(secret), seed, 2 * (_KEY_BYTES + _SALT_BYTES))
        cipher = AESGCM(block[:_KEY_BYTES])
        salt = block[2 * _KEY_BYTES : 2 * _KEY_BYTES + _SALT_BYTES]
        made = []
        for number in itertools.islice(itertools.count(1), count):  # Finished was number 0.
            sequence = number.to_bytes(8)
            about = sequence + bytes([kind]) + _VERSION + len(content).to_bytes(2)
            sealed = sequence + cipher.encrypt(salt + sequence, content, about)
            made.append(bytes([kind]) + _VERSION + len(sealed).to_bytes(2) + sealed)
        return b"".join(made)


def _expand(secret: bytes, seed: bytes, size: int) -> bytes:
    """Return as many bytes of keys (P_SHA384)."""
    made, round_ = b"", seed
    while len(made) < size:
        round_ = hmac.digest(secret, round_, "sha384")
        made += hmac.digest(secret, round_ + seed, "sha384")
    return made[:size]
