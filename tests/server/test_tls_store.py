"""Certificates follow their files, and nothing that is wrong with those ends the serving."""

import logging
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from serverkit_server import certificate_source, certificate_store
from serverkit_server.certificate_store import LOOK_EVERY_S, CertificateStore
from serverkit_server.config import ServerConfig
from serverkit_server.errors import TLSSetupError
from serverkit_server.tls_files import Fingerprint, fingerprint
from serverkit_worker.tls import presented_certificate
from tests.server.key_pairs import BOUND_S, Issuer, Pair, presented

THREADS = 4


class Clock:
    """Time that passes when the test says so. Owner: one test."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now

    def pass_a_second(self) -> None:
        """Let the files be looked at again."""
        self.now += LOOK_EVERY_S


@pytest.fixture
def clock() -> Clock:
    """The time of the store."""
    return Clock()


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """Somebody who issues certificates."""
    return Issuer(tmp_path)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What the server logs."""
    caplog.set_level(logging.INFO, "serverkit.server")
    return caplog


def store_of(pair: Pair, clock: Clock, **settings: object) -> CertificateStore:
    """Make the store of these files."""
    config = ServerConfig.from_mapping({**pair.settings, **settings})
    return CertificateStore(config, clock=clock)


def errors_in(log: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged as an error."""
    return [each.getMessage() for each in log.records if each.levelno == logging.ERROR]


def test_a_changed_pair_is_loaded(
    issuer: Issuer, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    """The first connection after the change, at most a second later, is shown the new one."""
    pair, renewed = issuer.write("live"), issuer.write("renewed")
    old = pair.der
    store = store_of(pair, clock)
    before = store.current()
    renewed.copy_to(pair)
    assert store.current() is before
    clock.pass_a_second()
    assert presented(store.current()) == renewed.der != old
    assert "has changed and is loaded" in log.text
    assert store.certificate_of(store.current()) == renewed.pem
    assert presented(before) == old


def test_files_are_looked_at_once_a_second(
    issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many connections come; and what has not changed is not loaded again."""
    looks = []

    def look(path: str) -> Fingerprint:
        looks.append(path)
        return fingerprint(path)

    store = store_of(issuer.write("live"), clock)
    monkeypatch.setattr(certificate_source, "fingerprint", look)
    contexts = {store.current() for _ in range(10)}
    assert looks == []
    clock.pass_a_second()
    contexts |= {store.current() for _ in range(10)}
    assert len(looks) == 2
    assert len(contexts) == 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda pair, other: pair.certfile.write_bytes(b""), "is empty"),
        (lambda pair, other: pair.certfile.unlink(), "There is no file"),
        (lambda pair, other: pair.keyfile.unlink(), "There is no file"),
        (
            lambda pair, other: pair.certfile.write_bytes(other.certfile.read_bytes()),
            "do not belong together",
        ),
        (
            lambda pair, other: pair.keyfile.write_bytes(other.keyfile.read_bytes()),
            "do not belong together",
        ),
    ],
    ids=["empty", "no certificate", "no key", "only the certificate", "only the key"],
)
def test_a_bad_pair_keeps_the_one_before(
    issuer: Issuer,
    clock: Clock,
    log: pytest.LogCaptureFixture,
    spoil: Callable[[Pair, Pair], object],
    message: str,
) -> None:
    """The log says why, once; and as soon as the pair is good again, it is loaded."""
    pair, renewed = issuer.write("live"), issuer.write("renewed")
    store = store_of(pair, clock)
    before = store.current()
    spoil(pair, renewed)
    for _ in range(3):
        clock.pass_a_second()
        assert store.current() is before
    [error] = errors_in(log)
    assert "so the one before serves on" in error
    assert message in error
    renewed.copy_to(pair)
    clock.pass_a_second()
    assert presented(store.current()) == renewed.der
    assert len(errors_in(log)) == 1


def test_each_bad_state_is_told(
    issuer: Issuer, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    """Who repairs one thing and breaks another is told of that as well."""
    pair = issuer.write("live")
    store = store_of(pair, clock)
    for content in (b"", b"nothing"):
        pair.certfile.write_bytes(content)
        clock.pass_a_second()
        store.current()
    first, second = errors_in(log)
    assert "is empty" in first
    assert "is not PEM" in second


def test_links_that_are_moved_on_are_a_change(issuer: Issuer, clock: Clock, tmp_path: Path) -> None:
    """As certbot renews: live/fullchain.pem is a link to archive/fullchain1.pem, then to 2."""
    first, second = issuer.write("archive1"), issuer.write("archive2")
    live = Pair(tmp_path / "fullchain.pem", tmp_path / "privkey.pem")
    first.link_to(live)
    store = store_of(live, clock)
    assert presented(store.current()) == first.der
    second.link_to(live)
    clock.pass_a_second()
    assert presented(store.current()) == second.der


def test_a_folder_that_is_moved_on_is_a_change(
    issuer: Issuer, clock: Clock, tmp_path: Path
) -> None:
    """As Kubernetes renews a mounted secret: the folder behind the files is a link."""
    pairs = [issuer.write("one"), issuer.write("two")]
    for number, pair in enumerate(pairs):
        folder = tmp_path / f"data{number}"
        folder.mkdir()
        pair.copy_to(Pair(folder / "tls.crt", folder / "tls.key"))
    link = tmp_path / "data"
    link.symlink_to("data0")
    store = store_of(Pair(link / "tls.crt", link / "tls.key"), clock)
    fresh = tmp_path / "fresh"
    fresh.symlink_to("data1")
    fresh.rename(link)
    clock.pass_a_second()
    assert presented(store.current()) == pairs[1].der


def test_authorities_follow_their_file_too(issuer: Issuer, clock: Clock, tmp_path: Path) -> None:
    """A client's authority can be added without a restart."""
    authorities = tmp_path / "authorities.pem"
    authorities.write_bytes(issuer.authority.read_bytes())
    store = store_of(
        issuer.write("live"), clock, ssl_ca_certs=str(authorities), ssl_cert_reqs="optional"
    )
    (tmp_path / "other").mkdir()
    other = Issuer(tmp_path / "other")
    authorities.write_bytes(authorities.read_bytes() + other.authority.read_bytes())
    clock.pass_a_second()
    assert len(store.current().get_ca_certs()) == 2


def test_each_name_has_its_certificate(issuer: Issuer, clock: Clock) -> None:
    """Clients that ask for a name are shown its certificate, all others the first one."""
    pair, www, rest = issuer.write("live"), issuer.write("www"), issuer.write("rest")
    entries = (www.entry("www.example.org"), rest.entry("*.example.org"))
    store = store_of(pair, clock, ssl_sni=entries)
    shown = {
        name: presented(store.current(), name)
        for name in (None, "www.example.org", "api.example.org", "example.org", "localhost")
    }
    assert shown == {
        None: pair.der,
        "www.example.org": www.der,
        "api.example.org": rest.der,
        "example.org": pair.der,
        "localhost": pair.der,
    }


def test_a_bad_certificate_holds_up_no_other(
    issuer: Issuer, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    """What belongs to one name is loaded by itself."""
    pair, www, renewed = issuer.write("live"), issuer.write("www"), issuer.write("renewed")
    old = pair.der
    store = store_of(pair, clock, ssl_sni=(www.entry("www.example.org"),))
    pair.keyfile.unlink()
    renewed.copy_to(www)
    clock.pass_a_second()
    assert presented(store.current()) == old
    assert presented(store.current(), "www.example.org") == renewed.der
    assert len(errors_in(log)) == 1
    assert "The certificate for www.example.org" in log.text


def test_a_connection_keeps_the_context_it_began_with(issuer: Issuer, clock: Clock) -> None:
    """What it presents is known as long as the connection has it."""
    pair, renewed = issuer.write("live"), issuer.write("renewed")
    old = pair.pem
    store = store_of(pair, clock)
    before = store.current()
    renewed.copy_to(pair)
    clock.pass_a_second()
    assert store.current() is not before
    assert store.certificate_of(before) == old
    assert store.certificate_of(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) is None


def test_what_a_context_presents_is_known_before_it_is_given_out(
    issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who gets it may ask at once."""
    pair, renewed = issuer.write("live"), issuer.write("renewed")
    store = store_of(pair, clock)
    before = store.current()
    given: list[bool] = []

    def find_out(context: ssl.SSLContext) -> str | None:
        given.append(store.current() is before)
        return presented_certificate(context)

    monkeypatch.setattr(certificate_store, "presented_certificate", find_out)
    renewed.copy_to(pair)
    clock.pass_a_second()
    assert store.current() is not before
    assert given == [True]


def test_reload_loads_what_has_not_changed(issuer: Issuer, clock: Clock) -> None:
    """A function may read what is in no file."""
    pair = issuer.write("live")
    made = []

    def make(_config: ServerConfig, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        made.append(default())
        return made[-1]

    store = store_of(pair, clock, ssl_context_factory=make)
    assert store.reload()
    assert store.current() is made[1]
    assert len(made) == 2


def test_a_reload_that_fails_changes_nothing(
    issuer: Issuer, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    """Each time it is asked for, the log says why."""
    pair = issuer.write("live")
    store = store_of(pair, clock)
    before = store.current()
    pair.keyfile.unlink()
    assert not store.reload()
    assert not store.reload()
    clock.pass_a_second()
    assert store.current() is before
    assert len(errors_in(log)) == 2


def test_a_reload_that_fails_for_one_loads_the_others(issuer: Issuer, clock: Clock) -> None:
    """As a change of files does."""
    pair, www, renewed = issuer.write("live"), issuer.write("www"), issuer.write("renewed")
    store = store_of(pair, clock, ssl_sni=(www.entry("www.example.org"),))
    pair.keyfile.unlink()
    renewed.copy_to(www)
    assert not store.reload()
    assert presented(store.current(), "www.example.org") == renewed.der


def test_many_threads_load_a_change_once(
    issuer: Issuer, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    """Workers in threads share the store; none of them ever gets half a certificate."""
    pair, renewed = issuer.write("live"), issuer.write("renewed")
    store = store_of(pair, clock)
    both = {pair.pem, renewed.pem}
    seen: list[str | None] = []
    together = threading.Barrier(THREADS)

    def connect() -> None:
        together.wait(BOUND_S)
        ends = time.monotonic() + BOUND_S
        while time.monotonic() < ends:
            seen.append(shown := store.certificate_of(store.current()))
            if shown == renewed.pem:
                break

    threads = [threading.Thread(target=connect) for _ in range(THREADS)]
    renewed.copy_to(pair)
    clock.pass_a_second()
    for each in threads:
        each.start()
    for each in threads:
        each.join(BOUND_S)
    assert set(seen) <= both
    assert presented(store.current()) == renewed.der
    assert log.text.count("has changed and is loaded") == 1


def test_the_start_needs_good_files(issuer: Issuer, clock: Clock) -> None:
    """There is nothing before to serve with."""
    pair = issuer.write("live")
    pair.keyfile.unlink()
    with pytest.raises(TLSSetupError, match="There is no file"):
        store_of(pair, clock)


@pytest.mark.parametrize(("days", "told"), [(-2.0, "has expired on"), (200.0, "")])
def test_tells_of_a_certificate_that_has_expired(
    issuer: Issuer, clock: Clock, log: pytest.LogCaptureFixture, days: float, told: str
) -> None:
    """It is served, for somebody may want that, but every client will complain."""
    store_of(issuer.write("live", days=days), clock)
    warnings = [each.getMessage() for each in log.records if each.levelno == logging.WARNING]
    assert bool(warnings) is bool(told)
    assert told in log.text
