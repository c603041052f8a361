"""The request target in its four forms (RFC 9112 section 3.2)."""

import re
from typing import NamedTuple

from serverkit_proto.errors import refuse

# uri-host of RFC 3986 section 3.2.2, an empty one included, and a port of at most five digits.
_HOST = re.compile(
    rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]*"
    rb"|\[(?:[0-9A-Fa-f:.]+|[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+)\])"
    rb"(?::[0-9]{0,5})?"
).fullmatch
_PERCENT = ord("%")
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})").search
_VISIBLE = re.compile(rb"[!-~]+").fullmatch
_ABSOLUTE_FORM = re.compile(rb"(?i:https?)://([^/?]*)(/[^?]*)?(?:\?(.*))?").fullmatch


class Target(NamedTuple):
    """The parts of a request target."""

    path: bytes
    query: bytes
    authority: bytes | None
    """Of a target in absolute form; takes the place of the Host (RFC 9112 section 3.2.2)."""


def is_host(value: bytes) -> bool:
    """Tell whether this is a value of Host: `uri-host [":" port]`, or empty."""
    return _HOST(value) is not None and (_PERCENT not in value or _BAD_PERCENT(value) is None)


def split_target(method: bytes, target: bytes) -> Target:
    """Split a request target, whatever its form.

    Raises:
        RemoteProtocolError: The target has white space, a control character, a byte outside of
            ASCII or a fragment; or it is in no form that goes with the method.
    """
    if method == b"CONNECT":
        raise refuse("CONNECT")
    if _VISIBLE(target) is None or b"#" in target:
        raise refuse("BAD_TARGET")
    if target.startswith(b"/"):
        path, _, query = target.partition(b"?")
        return Target(path, query, None)
    if target == b"*":
        if method != b"OPTIONS":
            raise refuse("BAD_TARGET")
        return Target(b"*", b"", None)
    absolute = _ABSOLUTE_FORM(target)
    if absolute is None:
        raise refuse("BAD_TARGET")
    authority, path, query = absolute.groups()
    # No user information (RFC 9110 section 4.2.4), no empty host (section 4.2.1).
    if not is_host(authority) or authority.startswith(b":") or not authority:
        raise refuse("BAD_TARGET")
    if path is None:
        # RFC 9112 section 3.2.4: the asterisk form, as a client has to write it to a proxy.
        path = b"*" if method == b"OPTIONS" and query is None else b"/"
    return Target(path, query or b"", authority)
