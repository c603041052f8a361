"""The subject of a certificate as a string.

Source: RFC 5280 section 4.1 (certificates), X.690 (DER), RFC 4514 (the string).
"""

import re
from collections.abc import Iterator
from typing import Final

# RFC 4514 section 3, and the other attributes of RFC 4519 and RFC 2985 that certificates have.
_KEYWORDS: Final = {
    "2.5.4.3": "CN",
    "2.5.4.4": "sn",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode",
    "2.5.4.41": "name",
    "2.5.4.42": "givenName",
    "2.5.4.43": "initials",
    "2.5.4.44": "generationQualifier",
    "2.5.4.46": "dnQualifier",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}
# How the strings of X.680 section 41 are encoded, by their tag.
_ENCODINGS: Final = {
    12: "utf-8",  # UTF8String
    18: "ascii",  # NumericString
    19: "ascii",  # PrintableString
    20: "latin-1",  # TeletexString: what is meant by it in practice
    22: "ascii",  # IA5String
    28: "utf-32-be",  # UniversalString
    30: "utf-16-be",  # BMPString
}
_EXPLICIT_VERSION: Final = 0xA0
_ESCAPED: Final = re.compile(r'["+,;<>\\]|^[ #]| $')


def subject_of(certificate: bytes) -> str:
    """Return the subject of a certificate by RFC 4514: "CN=client,O=Example".

    Args:
        certificate: in DER, and well-formed: one that a handshake has taken.
    """
    (_, whole, _), *_ = _elements(certificate)
    (_, to_be_signed, _), *_ = _elements(whole)
    fields = [value for tag, value, _ in _elements(to_be_signed) if tag != _EXPLICIT_VERSION]
    subject = fields[4]  # Behind serial number, signature, issuer and validity.
    names = [
        "+".join(_attribute(pair) for _, pair, _ in _elements(name))
        for _, name, _ in _elements(subject)
    ]
    return ",".join(reversed(names))


def _elements(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield tag, value and the whole encoding of each element of DER."""
    start = 0
    while start < len(data):
        tag, length, at = data[start], data[start + 1], start + 2
        if length >= 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size])
            at += size
        end = at + length
        yield tag, data[at:end], data[start:end]
        start = end


def _attribute(pair: bytes) -> str:
    """Return "type=value"."""
    (_, identifier, _), (tag, value, encoded) = _elements(pair)
    kind = _dotted(identifier)
    if kind in _KEYWORDS and tag in _ENCODINGS:
        try:
            return f"{_KEYWORDS[kind]}={_escaped(value.decode(_ENCODINGS[tag]))}"
        except UnicodeDecodeError:
            pass  # Then its bytes are told.
    return f"{_KEYWORDS.get(kind, kind)}=#{encoded.hex()}"


def _dotted(identifier: bytes) -> str:
    """Return an object identifier in its dotted form."""
    arcs, arc = [], 0
    for byte in identifier:
        arc = arc << 7 | byte & 0x7F
        if byte < 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def _escaped(value: str) -> str:
    return _ESCAPED.sub(r"\\\g<0>", value).replace("\0", r"\00")
