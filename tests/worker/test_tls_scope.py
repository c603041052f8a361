"""What an application is told of TLS: exactly what its client sees."""

import ssl
import sys

import pytest
from cryptography import x509

from serverkit_worker.asgi import Receive, Scope, Send
from serverkit_worker.tls import FixedContext
from serverkit_worker.tls_scope import tls_extension
from tests.worker.certificates import Authority, authority, pem
from tests.worker.driving import GET, Held, hello, stepped, turns
from tests.worker.securing import SecureLine, secure_line
from tests.worker.tls_peer import TLSPeer
from tests.worker.wire_format import only

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
KEYS = {
    *("server_cert", "client_cert_chain", "client_cert_name"),
    *("client_cert_error", "tls_version", "cipher_suite"),
}


async def scopes_of(line: SecureLine, app: Held, *, count: int = 1) -> list[Scope]:
    """Send requests, and return their scopes."""
    app.go_on.set()
    line.shake_hands()
    for _ in range(count):
        assert only(await line.exchange(GET)).status == 200
    return app.calls


async def tls_of(
    *, server: ssl.SSLContext | None = None, client: ssl.SSLContext | None = None
) -> dict[str, object]:
    """Return the extension of one request."""
    app = Held()
    (scope,) = await scopes_of(secure_line(app, server=server, client=client), app)
    tls: dict[str, object] = scope["extensions"]["tls"]
    return tls


@pytest.mark.parametrize(
    ("version", "number", "ciphers", "suite"),
    [
        (TLS13, 0x0304, None, 0x1302),
        (TLS12, 0x0303, "ECDHE-ECDSA-AES256-GCM-SHA384", 0xC02C),
        (TLS12, 0x0303, "ECDHE-ECDSA-AES128-GCM-SHA256", 0xC02B),
        (TLS12, 0x0303, "ECDHE-ECDSA-CHACHA20-POLY1305", 0xCCA9),
    ],
)
@stepped
async def test_version_and_cipher_suite_are_numbers(
    version: ssl.TLSVersion, number: int, ciphers: str | None, suite: int
) -> None:
    """Those of the specifications of TLS."""
    client = authority().client(version=version)
    if ciphers is not None:
        client.set_ciphers(ciphers)

    tls = await tls_of(client=client)

    assert (tls["tls_version"], tls["cipher_suite"]) == (number, suite)


@stepped
async def test_it_has_all_keys_and_no_others() -> None:
    """Of a client without a certificate nothing is made up; the scheme is https."""
    app = Held()
    (scope,) = await scopes_of(secure_line(app), app)
    tls = scope["extensions"]["tls"]

    assert set(tls) == KEYS
    assert tls["client_cert_chain"] == ()
    assert tls["client_cert_name"] is tls["client_cert_error"] is None
    assert scope["scheme"] == "https"
    assert set(scope["extensions"]) == {
        "tls",
        "http.response.early_hint",
        "http.response.pathsend",
    }


@stepped
async def test_the_server_s_certificate_is_the_one_that_the_client_has_seen() -> None:
    """In PEM."""
    app = Held()
    line = secure_line(app)
    (scope,) = await scopes_of(line, app)

    seen = line.peer.ssl_object.getpeercert(binary_form=True)
    assert seen is not None
    assert scope["extensions"]["tls"]["server_cert"] == ssl.DER_cert_to_PEM_cert(seen)
    assert ssl.PEM_cert_to_DER_cert(pem(authority().localhost)) == seen


@pytest.mark.parametrize("asked", ["one.example", "two.example", "other.example"])
@stepped
async def test_of_several_certificates_it_is_the_right_one(asked: str) -> None:
    """The client names the server, and is shown a certificate for that name."""
    certificates = {
        name: authority().ca.issue_cert(name)
        for name in ("one.example", "two.example", "other.example")
    }
    contexts = {name: authority().server(each) for name, each in certificates.items()}
    default = contexts.pop("other.example")

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name in contexts:
            connection.context = contexts[name]

    default.sni_callback = choose
    app = Held()
    line = secure_line(app, server=default)
    line.peer = TLSPeer(server_hostname=asked)
    (scope,) = await scopes_of(line, app)

    assert ssl.PEM_cert_to_DER_cert(
        scope["extensions"]["tls"]["server_cert"]
    ) == ssl.PEM_cert_to_DER_cert(pem(certificates[asked]))


@pytest.mark.parametrize("asks", [ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED])
@pytest.mark.parametrize("version", [TLS12, TLS13])
@stepped
async def test_the_client_s_certificate_is_told(
    asks: ssl.VerifyMode, version: ssl.TLSVersion
) -> None:
    """Whether the server insists on one or not; with its subject."""
    ours = authority().ca.issue_cert(
        "me@example.org", common_name='Smith, "J"', organization_name="A+B"
    )
    tls = await tls_of(
        server=authority().server(asks=asks), client=authority().client(ours, version=version)
    )

    chain = tls["client_cert_chain"]
    assert isinstance(chain, tuple)
    presented = x509.load_pem_x509_certificate(pem(ours).encode())
    assert x509.load_pem_x509_certificate(chain[0].encode()) == presented
    name = tls["client_cert_name"]
    assert name == presented.subject.rfc4514_string()
    assert isinstance(name, str)
    assert r"CN=Smith\, \"J\"" in name
    assert tls["client_cert_error"] is None


@stepped
async def test_the_chain_has_what_the_client_has_sent() -> None:
    """Its own certificate first; the others are known from Python 3.13 on."""
    between = authority().ca.create_child_ca()
    ours = between.issue_cert("me@example.org")
    tls = await tls_of(
        server=authority().server(asks=ssl.CERT_REQUIRED), client=authority().client(ours)
    )

    sent = [ssl.PEM_cert_to_DER_cert(each.bytes().decode()) for each in ours.cert_chain_pems]
    assert len(sent) == 2
    chain = tls["client_cert_chain"]
    assert isinstance(chain, tuple)
    known = sent if sys.version_info >= (3, 13) else sent[:1]
    assert list(map(ssl.PEM_cert_to_DER_cert, chain)) == known


@stepped
async def test_nobody_is_asked_for_a_certificate_unless_it_is_wanted() -> None:
    """What a client could have shown is not known then."""
    ours = authority().ca.issue_cert("me@example.org")
    tls = await tls_of(client=authority().client(ours))
    assert tls["client_cert_chain"] == ()
    assert tls["client_cert_name"] is None


@stepped
async def test_a_certificate_may_be_optional() -> None:
    """Who has none is served."""
    tls = await tls_of(server=authority().server(asks=ssl.CERT_OPTIONAL))
    assert tls["client_cert_chain"] == ()


def failing_handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[SecureLine, Held]:
    """Return a client that the server refuses."""
    app = Held()
    line = secure_line(app, server=server, client=client)
    line.shake_hands(last=GET)
    return line, app


@stepped
async def test_who_has_no_certificate_is_told_that_it_is_required() -> None:
    """By an alert, and the application never hears of it, though the request came with the end."""
    line, app = failing_handshake(
        authority().server(asks=ssl.CERT_REQUIRED), authority().client(version=TLS13)
    )
    with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
        line.take()
    await turns()
    assert app.calls == []
    assert line.serving.is_idle()
    assert line.carrier.eof_sent


@stepped
async def test_who_has_a_stranger_s_certificate_is_not_served() -> None:
    """Also where a certificate is optional."""
    stranger = Authority().ca.issue_cert("me@example.org")
    line, app = failing_handshake(
        authority().server(asks=ssl.CERT_OPTIONAL), authority().client(stranger)
    )
    with pytest.raises(ssl.SSLError, match=r"(?i)unknown.ca"):
        line.take()
    assert app.calls == []


@stepped
async def test_each_scope_has_an_extension_of_its_own() -> None:
    """What one request's application does to it no other one sees."""
    calls: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(scope)
        scope["extensions"]["tls"].clear()
        scope["extensions"]["more"] = {}
        await hello(scope, receive, send)

    line = secure_line(app)
    line.shake_hands()
    await line.exchange(GET)
    await line.exchange(GET)
    first, second = (scope["extensions"] for scope in calls)

    assert first is not second
    assert first["tls"] is not second["tls"]


@stepped
async def test_it_is_made_once() -> None:
    """When the first request comes, not before."""
    app = Held()
    app.go_on.set()
    line = secure_line(app)
    asked: list[ssl.SSLContext] = []
    certificate_of = line.contexts.certificate_of

    def noting(context: ssl.SSLContext) -> str | None:
        asked.append(context)
        return certificate_of(context)

    line.contexts.certificate_of = noting  # type: ignore[method-assign]
    line.shake_hands()
    assert asked == []
    for _ in range(3):
        await line.exchange(GET)

    assert asked == [line.contexts.current()]
    assert len({str(scope["extensions"]["tls"]) for scope in app.calls}) == 1


@stepped
async def test_a_websocket_is_told_the_same() -> None:
    """Its scheme is wss."""
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        if scope["type"] == "http":
            await hello(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.accept"})

    line = secure_line(app)
    line.shake_hands(last=GET + UPGRADE)
    await turns()
    http, websocket = scopes

    assert line.take().count(b"HTTP/1.1 101") == 1
    assert (websocket["type"], websocket["scheme"]) == ("websocket", "wss")
    assert set(websocket["extensions"]) == {"tls", "websocket.http.response"}
    assert websocket["extensions"]["tls"] == http["extensions"]["tls"]
    assert websocket["extensions"]["tls"] is not http["extensions"]["tls"]


@stepped
async def test_trailers_are_offered_beside_it() -> None:
    """To whom asks for them."""
    app = Held()
    app.go_on.set()
    line = secure_line(app)
    line.shake_hands()
    await line.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n")
    await line.exchange(GET)

    asked, other = (set(scope["extensions"]) for scope in app.calls)
    assert asked - other == {"http.response.trailers"}
    assert "tls" in asked & other


@stepped
async def test_without_contexts_the_certificate_cannot_be_told() -> None:
    """The rest can."""
    line = secure_line(hello)
    line.shake_hands()
    ssl_object = line.carrier.get_protocol().get_extra_info("ssl_object")  # type: ignore[attr-defined]

    tls = tls_extension(ssl_object, None)

    assert tls["server_cert"] is None
    assert tls["tls_version"] == 0x0304


@stepped
async def test_a_scope_has_a_plain_dict() -> None:
    """Applications may pickle or print it."""
    app = Held()
    (scope,) = await scopes_of(secure_line(app), app)
    assert type(scope["extensions"]) is dict


# Certificates of contexts


def test_a_context_presents_its_certificate() -> None:
    """It is asked for it once."""
    context = authority().server()
    fixed = FixedContext(context)

    found = fixed.certificate_of(context)

    assert found is not None
    assert ssl.PEM_cert_to_DER_cert(found) == ssl.PEM_cert_to_DER_cert(pem(authority().localhost))
    assert fixed.certificate_of(context) is found


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_context_that_asks_for_certificates_presents_its_own(version: ssl.TLSVersion) -> None:
    """It comes first; by TLS 1.2 the handshake is not done before the client has shown its own."""
    context = authority().server(asks=ssl.CERT_REQUIRED, version=version)
    assert (FixedContext(context).certificate_of(context) is None) == (version is TLS12)


def test_a_context_without_a_certificate_presents_none() -> None:
    """Nobody can connect by it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert FixedContext(context).certificate_of(context) is None
