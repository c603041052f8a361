"""https as clients of all kinds see it: curl, openssl, Python."""

import json
import ssl
from pathlib import Path

import pytest

from tests.integration.conftest import Serve
from tests.integration.tls.conftest import (
    APP,
    Start,
    ask,
    command,
    connects_plainly,
    presents,
    redirect_port,
)
from tests.server.key_pairs import Issuer, Pair, encrypted
from tests.support.server_process import ServerProcess
from tests.support.supervised import port_of

SECRET = "correct horse"


def url(server: ServerProcess, path: str = "/") -> str:
    """Return a URL of a server by its name."""
    return f"https://localhost:{port_of(server)}{path}"


def test_curl_is_content(start: Start, issuer: Issuer) -> None:
    """The certificate is checked, and the application is told that it is https."""
    server = start()
    found = command("curl", "-sS", "--cacert", str(issuer.authority), url(server, "/x"))
    facts = json.loads(found.stdout)
    assert (facts["scheme"], facts["path"]) == ("https", "/x")


@pytest.mark.parametrize(("version", "number"), [("1.2", 0x0303), ("1.3", 0x0304)])
def test_both_versions_are_spoken(
    serve: Serve, issuer: Issuer, pair: Pair, version: str, number: int
) -> None:
    """TLS 1.2 and 1.3; the application is told which."""
    server = serve(APP, *pair.flags)
    limits = (f"--tlsv{version}", "--tls-max", version)
    found = command("curl", "-sS", *limits, "--cacert", str(issuer.authority), url(server))
    assert json.loads(found.stdout)["tls_version"] == number


def test_openssl_is_content(serve: Serve, issuer: Issuer, pair: Pair) -> None:
    """The chain is verified, the protocol is agreed on, and no old version is spoken."""
    server = serve(APP, *pair.flags)
    where = ("-connect", f"127.0.0.1:{port_of(server)}", "-CAfile", str(issuer.authority))
    found = command(
        *("openssl", "s_client", *where, "-verify_return_error", "-verify_hostname", "localhost"),
        *("-alpn", "h2,http/1.1"),
    )
    assert "Verify return code: 0 (ok)" in found.stdout
    assert "ALPN protocol: http/1.1" in found.stdout
    old = command(
        "openssl", "s_client", *where, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", check=False
    )
    assert old.returncode != 0


def test_the_oldest_version_is_a_setting(serve: Serve, pair: Pair) -> None:
    """With 1.3 nobody comes in with 1.2."""
    server = serve(APP, *pair.flags, "--ssl-minimum-version", "1.3")
    where = ("-connect", f"127.0.0.1:{port_of(server)}")
    assert command("openssl", "s_client", *where, "-tls1_2", check=False).returncode != 0
    assert command("openssl", "s_client", *where, "-tls1_3").returncode == 0


def test_names_have_their_certificates(start: Start, issuer: Issuer) -> None:
    """A client is shown, and the application is told, the certificate of the name it asks for."""
    shop, rest = issuer.write("shop", "shop.example"), issuer.write("rest", "*.shop.example")
    server = start(
        "--ssl-sni", shop.entry("shop.example"), "--ssl-sni", rest.entry("*.shop.example")
    )
    for name, pair in (("shop.example", shop), ("api.shop.example", rest)):
        found = command(
            *("curl", "-sS", "--cacert", str(issuer.authority)),
            *("--connect-to", f"{name}:443:127.0.0.1:{port_of(server)}", f"https://{name}/"),
        )
        assert json.loads(found.stdout)["server_cert"] == pair.pem
    assert presents(server, "other.example") == presents(server)


def test_names_can_stand_in_the_environment(serve: Serve, issuer: Issuer, pair: Pair) -> None:
    """Where lists are separated by commas, as certificate and key are."""
    shop = issuer.write("shop", "shop.example")
    file = issuer.folder / "names.env"
    file.write_text(f"SERVERKIT_SSL_SNI={shop.entry('shop.example')}\n")
    server = serve(APP, *pair.flags, "--env-file", str(file))
    assert presents(server, "shop.example") == shop.der


def test_clients_must_show_a_certificate(start: Start, issuer: Issuer, tmp_path: Path) -> None:
    """With `required` nobody comes in without, nor with that of a stranger."""
    server = start("--ssl-ca-certs", str(issuer.authority), "--ssl-cert-reqs", "required")
    (tmp_path / "stranger").mkdir()
    known, stranger = issuer.write("client"), Issuer(tmp_path / "stranger").write("client")
    base = ("curl", "-sS", "--cacert", str(issuer.authority), url(server))
    shown = command(*base, "--cert", str(known.certfile), "--key", str(known.keyfile))
    assert json.loads(shown.stdout)["client_cert_name"]
    assert command(*base, check=False).returncode != 0
    files = ("--cert", str(stranger.certfile), "--key", str(stranger.keyfile))
    assert command(*base, *files, check=False).returncode != 0
    assert ask(server, issuer.trusting(known))["scheme"] == "https"


def test_clients_may_show_a_certificate(start: Start, issuer: Issuer) -> None:
    """With `optional` the application decides what to do with those who show none."""
    server = start("--ssl-ca-certs", str(issuer.authority), "--ssl-cert-reqs", "optional")
    assert ask(server, issuer.trusting())["client_cert_name"] is None
    assert ask(server, issuer.trusting(issuer.write("client")))["client_cert_name"]


def test_plain_clients_are_sent_on(start: Start, issuer: Issuer) -> None:
    """A client such as curl follows from http to https, and ends where it wanted to go."""
    server = start("--redirect-bind", "127.0.0.1:0")
    plain = redirect_port(server)
    answer = connects_plainly(plain)
    assert answer.startswith(b"HTTP/1.1 308 ")
    assert f"location: https://localhost:{port_of(server)}/a?b=c\r\n".encode() in answer.lower()
    found = command(
        *("curl", "-sSL", "--cacert", str(issuer.authority), f"http://localhost:{plain}/deep?x")
    )
    assert json.loads(found.stdout)["path"] == "/deep"


def test_clients_can_be_sent_to_another_port(serve: Serve, pair: Pair) -> None:
    """As where a container's port has another number outside; 443 is not written."""
    flags = ("--redirect-bind", "127.0.0.1:0", "--redirect-port", "443")
    server = serve(APP, *pair.flags, *flags)
    answer = connects_plainly(redirect_port(server))
    assert b"location: https://localhost/a?b=c\r\n" in answer.lower()


def test_a_locked_key_needs_its_password(serve: Serve, issuer: Issuer, pair: Pair) -> None:
    """It is best given by the environment, and stands in no output."""
    pair.keyfile.write_bytes(encrypted(pair.keyfile.read_bytes(), SECRET))
    file = issuer.folder / "secret.env"
    file.write_text(f"SERVERKIT_SSL_KEYFILE_PASSWORD='{SECRET}'\n")
    server = serve(
        APP, *pair.flags, "--env-file", str(file), "--worker-mode", "process", "--lifecycle-logging"
    )
    assert ask(server, issuer.trusting())["scheme"] == "https"
    assert SECRET not in server.output


def test_keys_are_logged_on_request(
    start: Start, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSLKEYLOGFILE works in every mode, and the log says that it is set."""
    path = issuer.folder / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(path))
    server = start()
    assert "SSLKEYLOGFILE is set" in server.output
    monkeypatch.delenv("SSLKEYLOGFILE")
    ask(server, issuer.trusting())
    assert "SERVER_TRAFFIC_SECRET_0" in path.read_text()


FACTORY = """
import ssl

def make(config, default):
    context = default()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context
"""


def test_a_function_makes_the_context(start: Start, issuer: Issuer) -> None:
    """By its name, in every mode: a process imports it for itself."""
    (issuer.folder / "own_contexts.py").write_text(FACTORY)
    server = start(*("--app-dir", str(issuer.folder), "--ssl-context-factory", "own_contexts:make"))
    trust = issuer.trusting()
    assert ask(server, trust)["tls_version"] == ssl.TLSVersion.TLSv1_2
    trust.minimum_version = ssl.TLSVersion.TLSv1_3
    with pytest.raises(ssl.SSLError):
        ask(server, trust)


@pytest.mark.parametrize("kind", ["single", "process"])
def test_a_start_that_fails_says_why(pair: Pair, kind: str) -> None:
    """With the setting, what set it, and the remedy; no traceback; exit code 1."""
    words = ServerProcess.command_for(
        *(APP, *pair.flags, "--worker-mode", "process" if kind == "process" else "auto")
    )
    pair.keyfile.unlink()
    found = command(*words, check=False)
    assert found.returncode == 1
    assert f"Error: There is no file {pair.keyfile}." in found.stderr
    assert "Set by --ssl-keyfile." in found.stderr
    assert "Traceback" not in found.stderr


def test_a_function_that_fails_in_a_process_says_why(issuer: Issuer, pair: Pair) -> None:
    """The same as in the server's own process."""
    (issuer.folder / "failing_contexts.py").write_text("def make(config, default):\n    1/0\n")
    words = ServerProcess.command_for(
        *(APP, *pair.flags, "--worker-mode", "process", "--app-dir", str(issuer.folder)),
        *("--ssl-context-factory", "failing_contexts:make"),
    )
    found = command(*words, check=False)
    assert found.returncode == 1
    assert "The function that makes the context of TLS fails: ZeroDivisionError" in found.stderr
    assert "Set by --ssl-context-factory." in found.stderr
    assert 'failing_contexts.py", line 2' in found.stderr
