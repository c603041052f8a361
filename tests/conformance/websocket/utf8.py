"""Octets that are UTF-8, and octets that are not, with the place where that shows.

Source: RFC 3629 section 4; the choice follows Markus Kuhn's "UTF-8 decoder capability and stress
test".
"""

_TAIL = (0x80, 0xBF)
# First octets, from and to, with what their next ones must be.
_SEQUENCES = (
    (0x00, 0x7F, ()),
    (0xC2, 0xDF, (_TAIL,)),
    (0xE0, 0xE0, ((0xA0, 0xBF), _TAIL)),
    (0xE1, 0xEC, (_TAIL, _TAIL)),
    (0xED, 0xED, ((0x80, 0x9F), _TAIL)),
    (0xEE, 0xEF, (_TAIL, _TAIL)),
    (0xF0, 0xF0, ((0x90, 0xBF), _TAIL, _TAIL)),
    (0xF1, 0xF3, (_TAIL, _TAIL, _TAIL)),
    (0xF4, 0xF4, ((0x80, 0x8F), _TAIL, _TAIL)),
)

_GREEK = "κόσμε".encode()
_FIRST_AND_LAST = (0x00, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFF, 0x10000)
_NONCHARACTERS = [plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF)]

VALID = (
    b"Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!",
    _GREEK,
    *(chr(point).encode() for point in (*_FIRST_AND_LAST, 0x10FFFF)),
    *(chr(point).encode() for point in _NONCHARACTERS),
    "\ufdd0\ufdef".encode(),
    "\ufeffwith a byte order mark".encode(),
    "e\u0301 \U0001f469\u200d\U0001f680 \u0645\u0631\u062d\u0628\u0627".encode(),
)

_TOO_LARGE = (b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf7\xbf\xbf\xbf")
_FIVE_AND_SIX = (b"\xf8\x88\x80\x80\x80", b"\xfb\xbf\xbf\xbf\xbf", b"\xfc\x84\x80\x80\x80\x80")
_CONTINUATIONS = (*(b"\x80" * size for size in range(1, 8)), b"\xbf", bytes(range(0x80, 0xC0)))
_LONELY_STARTS = (
    b"".join(bytes((first, 0x20)) for first in range(0xC0, 0xE0)),
    b"".join(bytes((first, 0x20)) for first in range(0xE0, 0xF0)),
    b"".join(bytes((first, 0x20)) for first in range(0xF0, 0xF8)),
)
# The last octet is missing; at the end of a message that is an error, too.
CUT_SHORT = (b"\xc2", b"\xdf", b"\xe0\xa0", b"\xef\xbf", b"\xf0\x90\x80", b"\xf4\x8f\xbf", b"\xe1")
_CUT_SHORT_TOGETHER = (b"".join(CUT_SHORT), b"\xce\xba\xe1\xbd", b"\xf0\x90\x80\xc2\x80")
_IMPOSSIBLE = (b"\xfe", b"\xff", b"\xfe\xfe\xff\xff")
_OVERLONG = (
    *(b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf"),
    *(b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf"),
    *(b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80"),
)
_SURROGATES = (
    *(b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80"),
    *(b"\xed\xbe\x80", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xaf\xbf\xed\xbf\xbf"),
)
INVALID = (
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    *_TOO_LARGE,
    *_FIVE_AND_SIX,
    *_CONTINUATIONS,
    *_LONELY_STARTS,
    *_CUT_SHORT_TOGETHER,
    *_IMPOSSIBLE,
    *_OVERLONG,
    *_SURROGATES,
)


def first_wrong(octets: bytes) -> int | None:
    """Return the index of the first octet with which this cannot be UTF-8 any more.

    None: it is, or could go on to be.
    """
    expected: tuple[tuple[int, int], ...] = ()
    for index, octet in enumerate(octets):
        if expected:
            low, high = expected[0]
            if not low <= octet <= high:
                return index
            expected = expected[1:]
            continue
        for low, high, following in _SEQUENCES:
            if low <= octet <= high:
                expected = following
                break
        else:
            return index
    return None
