"""The names that clients ask for before they are shown a certificate (SNI).

Source: RFC 6066 section 3 (server_name), RFC 6125 section 6.4.3 (wildcards).
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_FORM = "write name=cert.pem,key.pem, such as www.example.org=www.pem,www.key"
_WILDCARD = "*."
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")


class KeyPair(NamedTuple):
    """The files of a certificate and of its key.

    Attributes:
        certfile: the certificate with its chain.
        keyfile: the key; None: it is in the same file.
    """

    certfile: str
    keyfile: str | None

    def __str__(self) -> str:
        return self.certfile if self.keyfile is None else f"{self.certfile} and {self.keyfile}"


def parse_sni(entries: Sequence[str]) -> dict[str, KeyPair]:
    """Read the entries of `ssl_sni`.

    An entry without "=" is the key of the one before: a list that was separated by commas, as in
    the environment, gives the same as one that was not.

    Returns:
        The files by name, in lower case and as they stand in a handshake.

    Raises:
        ValueError: an entry is none, or two are for the same name.
    """
    found: dict[str, KeyPair] = {}
    last = ""
    for entry in entries:
        name, equals, files = entry.partition("=")
        if not equals and last and found[last].keyfile is None:
            found[last] = KeyPair(found[last].certfile, _file(entry, entry))
            continue
        certfile, comma, keyfile = files.partition(",")
        if not equals or not name.strip():
            raise ValueError(f"no name in {entry!r}; {_FORM}")
        last = _read_name(name.strip())
        if last in found:
            raise ValueError(f"{last} has two certificates; leave one of them out")
        found[last] = KeyPair(_file(certfile, entry), _file(keyfile, entry) if comma else None)
    return found


def find_name[T](asked: str | None, by_name: Mapping[str, T]) -> T | None:
    """Find what belongs to the name that a client asks for; None: nothing does.

    A wildcard stands for one label, and counts less than the name itself.
    """
    if not asked:
        return None
    name = asked.lower().rstrip(".")
    found = by_name.get(name)
    return found if found is not None else by_name.get(_WILDCARD + name.partition(".")[2])


def _file(path: str, entry: str) -> str:
    if not path.strip():
        raise ValueError(f"no file in {entry!r}; {_FORM}")
    return path.strip()


def _read_name(written: str) -> str:
    try:
        ipaddress.ip_address(written.strip("[]"))
    except ValueError:
        pass
    else:
        raise ValueError(
            f"{written} is an address, for which no client asks by SNI; put it into the "
            "certificate of ssl_certfile"
        )
    stars = _WILDCARD if written.startswith(_WILDCARD) else ""
    try:
        name = written.removeprefix(stars).rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or (stars and len(labels) == 1):
        raise ValueError(f"{written!r} is no name of a host; {_FORM}, or *.example.org for any")
    return stars + name
