"""The names that clients ask for."""

import pytest

from serverkit_server.sni_names import KeyPair, find_name, parse_sni


def test_reads_entries() -> None:
    """An entry has a name, a certificate and perhaps a key; names are as in a handshake."""
    assert parse_sni(["www.Example.org=a.pem,a.key", "*.example.org = b.pem", "bücher.de=c,d"]) == {
        "www.example.org": KeyPair("a.pem", "a.key"),
        "*.example.org": KeyPair("b.pem", None),
        "xn--bcher-kva.de": KeyPair("c", "d"),
    }


def test_a_list_that_was_cut_at_its_commas_is_the_same() -> None:
    """The environment separates lists by commas, also between certificate and key."""
    cut = ["a.org=a.pem", "a.key", "b.org=b.pem", "c.org=c.pem", "c.key"]
    assert parse_sni(cut) == parse_sni(["a.org=a.pem,a.key", "b.org=b.pem", "c.org=c.pem,c.key"])


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["a.pem"], "no name in 'a.pem'; write name=cert.pem,key.pem"),
        (["=a.pem"], "no name in '=a.pem'"),
        (["a="], "no file in 'a='"),
        (["a=,k"], "no file in 'a=,k'"),
        (["a=c,"], "no file in 'a=c,'"),
        (["a=c,k", "extra"], "no name in 'extra'"),
        (["a=c", "A=d"], "a has two certificates"),
        (["127.0.0.1=c"], "127.0.0.1 is an address, for which no client asks by SNI"),
        (["[::1]=c"], "[::1] is an address"),
        (["*=c"], "'*' is no name of a host"),
        (["*.=c"], "'*.' is no name of a host"),
        (["*.org=c"], "'*.org' is no name of a host"),
        (["a.*.org=c"], "'a.*.org' is no name of a host"),
        (["a b=c"], "'a b' is no name of a host"),
        (["a:443=c"], "'a:443' is no name of a host"),
        (["a..b=c"], "'a..b' is no name of a host"),
    ],
)
def test_refuses_what_is_no_entry(entries: list[str], message: str) -> None:
    """The message says which entry, and how one is written."""
    with pytest.raises(ValueError, match=r".") as caught:
        parse_sni(entries)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("www.example.org", "exact"),
        ("WWW.EXAMPLE.ORG", "exact"),
        ("www.example.org.", "exact"),
        ("api.example.org", "wildcard"),
        ("a.b.example.org", None),
        ("example.org", None),
        ("other.net", None),
        ("org", None),
        ("", None),
        (None, None),
    ],
)
def test_finds_the_certificate_for_a_name(asked: str | None, found: str | None) -> None:
    """The name itself counts before a wildcard, which stands for one label (RFC 6125 6.4.3)."""
    by_name = {"*.example.org": "wildcard", "www.example.org": "exact"}
    assert find_name(asked, by_name) == found
