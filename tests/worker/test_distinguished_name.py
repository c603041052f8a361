"""Subjects of certificates as RFC 4514 writes them."""

import datetime
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from serverkit_worker.distinguished_name import subject_of

KEY: Final = ec.generate_private_key(ec.SECP256R1())
START: Final = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


def certificate_of(subject: x509.Name) -> bytes:
    """Return a certificate in DER."""
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(KEY.public_key())
        .serial_number(2**150 + 1)
        .not_valid_before(START)
        .not_valid_after(START + datetime.timedelta(days=1))
        .sign(KEY, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


def common_name(value: str) -> str:
    """Return the subject of somebody with that name."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, value)])
    return subject_of(certificate_of(name))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "plain"),
        ("a b", "a b"),
        (" a", r"\ a"),
        ("a ", r"a\ "),
        (" ", r"\ "),
        ("  ", r"\ \ "),
        ("#a", r"\#a"),
        ("a#", "a#"),
        ("a,b", r"a\,b"),
        ("a+b", r"a\+b"),
        ('"a"', r"\"a\""),
        ("a;b", r"a\;b"),
        ("<a>", r"\<a\>"),
        ("a\\b", r"a\\b"),
        ("a=b", "a=b"),
        ("a\0b", r"a\00b"),
        ("Grüße 你好 😀", "Grüße 你好 😀"),
        ("a\nb", "a\nb"),
    ],
)
def test_special_characters_are_escaped(value: str, written: str) -> None:
    """RFC 4514 section 2.4."""
    assert common_name(value) == f"CN={written}"


def test_the_most_specific_comes_first() -> None:
    """RFC 4514 section 2.1: in the reverse of the order in the certificate."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example GmbH"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "One"),
            x509.NameAttribute(NameOID.COMMON_NAME, "client"),
        ]
    )
    assert subject_of(certificate_of(subject)) == "CN=client,OU=One,O=Example GmbH,C=DE"


def test_names_of_several_parts_are_joined() -> None:
    """RFC 4514 section 2.2."""
    subject = x509.Name(
        [
            x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COUNTRY_NAME, "DE")]),
            x509.RelativeDistinguishedName(
                [
                    x509.NameAttribute(NameOID.COMMON_NAME, "client"),
                    x509.NameAttribute(NameOID.USER_ID, "c1"),
                ]
            ),
        ]
    )
    parts = subject_of(certificate_of(subject)).removesuffix(",C=DE").split("+")
    assert sorted(parts) == ["CN=client", "UID=c1"]


@pytest.mark.parametrize(
    ("oid", "keyword"),
    [
        (NameOID.COMMON_NAME, "CN"),
        (NameOID.LOCALITY_NAME, "L"),
        (NameOID.STATE_OR_PROVINCE_NAME, "ST"),
        (NameOID.ORGANIZATION_NAME, "O"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "OU"),
        (NameOID.STREET_ADDRESS, "STREET"),
        (NameOID.DOMAIN_COMPONENT, "DC"),
        (NameOID.USER_ID, "UID"),
        (NameOID.TITLE, "title"),
        (NameOID.EMAIL_ADDRESS, "emailAddress"),
        (NameOID.GIVEN_NAME, "givenName"),
    ],
)
def test_attributes_have_their_registered_names(oid: x509.ObjectIdentifier, keyword: str) -> None:
    """RFC 4514 section 3, and the registry of RFC 4520."""
    subject = x509.Name([x509.NameAttribute(oid, "x@y")])
    assert subject_of(certificate_of(subject)) == f"{keyword}=x@y"


@pytest.mark.parametrize("oid", ["1.3.6.1.4.1.99999.1", "2.999.4294967296.1", "0.39.1"])
def test_unknown_attributes_are_shown_as_they_are(oid: str) -> None:
    """RFC 4514 section 2.4: in dotted form, with the encoding of the value in hexadecimal."""
    subject = x509.Name([x509.NameAttribute(x509.ObjectIdentifier(oid), "DE")])
    assert subject_of(certificate_of(subject)) == f"{oid}=#0c024445"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (_ASN1Type.PrintableString, "plain"),
        (_ASN1Type.UTF8String, "Grüße"),
        (_ASN1Type.BMPString, "Grüße"),
        (_ASN1Type.UniversalString, "😀"),
        (_ASN1Type.IA5String, "plain"),
        (_ASN1Type.NumericString, "123"),
        (_ASN1Type.T61String, "plain"),
    ],
)
def test_every_kind_of_string_is_read(kind: _ASN1Type, value: str) -> None:
    """Old authorities use old ones."""
    try:
        attribute = x509.NameAttribute(NameOID.COMMON_NAME, value, kind)
        certificate = certificate_of(x509.Name([attribute]))
    except (TypeError, ValueError) as exc:
        pytest.skip(f"cannot be made: {exc}")
    assert subject_of(certificate) == f"CN={value}"


def test_an_empty_subject_is_empty() -> None:
    """Some certificates name their owner elsewhere."""
    assert subject_of(certificate_of(x509.Name([]))) == ""


def test_long_names_are_read_whole() -> None:
    """Lengths of more than a byte."""
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"{i:03}" * 20) for i in range(1_200)]
    )
    names = [f"O={i:03}" + f"{i:03}" * 19 for i in reversed(range(1_200))]
    assert subject_of(certificate_of(subject)) == ",".join(names)


CHARACTERS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
ATTRIBUTES = st.builds(
    x509.NameAttribute,
    st.sampled_from(
        [NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.LOCALITY_NAME]
    ),
    CHARACTERS,
)


@given(st.lists(ATTRIBUTES, max_size=5))
def test_others_write_the_same(attributes: list[x509.NameAttribute[str]]) -> None:
    """Whatever the names are made of."""
    subject = x509.Name(attributes)
    assert subject_of(certificate_of(subject)) == subject.rfc4514_string()
