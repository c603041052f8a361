"""The grammar of fields, for those received and those sent (RFC 9110 section 5)."""

import re
from collections.abc import Iterable

from serverkit_proto.errors import LocalProtocolError

TOKEN_CHARACTERS = rb"!#$%&'*+\-.^_`|~0-9A-Za-z"
"""For use inside the brackets of a regular expression (tchar of RFC 9110 section 5.6.2)."""

CONTROLS = bytes(code for code in range(32) if code != ord("\t")) + b"\x7f"
"""What no field value may contain: the control characters, without HTAB."""

FORBIDDEN_TRAILERS = frozenset(
    {
        # framing and routing
        b"connection",
        b"content-length",
        b"host",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        # modifiers of the request
        b"cache-control",
        b"expect",
        b"max-forwards",
        b"pragma",
        b"range",
        # authentication and cookies
        b"authorization",
        b"cookie",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"set-cookie",
        b"www-authenticate",
        # how to process the content
        b"content-encoding",
        b"content-range",
        b"content-type",
    }
)
"""Fields that mean nothing good after the content (RFC 9110 section 6.5.1)."""

_PAIR = (tuple, list)
_TOKEN = re.compile(rb"[%b]+" % TOKEN_CHARACTERS).fullmatch


def split_list(value: bytes) -> list[bytes]:
    """Split a comma-separated value into its lower-case members, without empty ones.

    Source: RFC 9110 section 5.6.1.
    """
    members = [member.strip(b" \t").lower() for member in value.split(b",")]
    return [member for member in members if member]


def validate_field(field: object) -> tuple[bytes, bytes]:
    """Make a field to send from what an application gave.

    Returns:
        Lower-case name, value without surrounding white space.

    Raises:
        LocalProtocolError: It is no pair of bytes, the name is no token, or the value has a
            control character such as CR, LF or NUL.
    """
    if not isinstance(field, _PAIR) or len(field) != 2:
        raise LocalProtocolError(
            f"a header is not a pair of name and value: {field!r}", "SERVERKIT_APP_BAD_HEADER"
        )
    name, value = field
    if type(name) is not bytes or type(value) is not bytes:
        raise LocalProtocolError(
            f"header name and value must be bytes: {field!r}", "SERVERKIT_APP_BAD_HEADER"
        )
    if _TOKEN(name) is None:
        raise LocalProtocolError(
            f"a header name is not a token: {name!r}", "SERVERKIT_APP_BAD_HEADER_NAME"
        )
    if len(value.translate(None, CONTROLS)) != len(value):
        raise LocalProtocolError(
            f"the value of header {name!r} has a control character: {value!r}",
            "SERVERKIT_APP_BAD_HEADER_VALUE",
        )
    return name.lower(), value.strip(b" \t")


def validate_fields(fields: Iterable[object]) -> list[tuple[bytes, bytes]]:
    """Make fields to send from what an application gave, as validate_field does for each."""
    try:
        return [validate_field(field) for field in fields]
    except TypeError:
        raise LocalProtocolError(
            f"headers are not an iterable of pairs: {fields!r}", "SERVERKIT_APP_BAD_HEADER"
        ) from None
