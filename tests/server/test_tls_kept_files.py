"""What certificate files had in them when they were good, for processes that start later."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest

from serverkit_server.certificate_store import LOOK_EVERY_S, CertificateStore
from serverkit_server.config import ServerConfig
from serverkit_server.errors import TLSSetupError
from serverkit_server.kept_files import placed
from serverkit_server.served_tls import RecentFiles
from tests.server.key_pairs import Issuer, presented


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """Somebody who issues certificates."""
    return Issuer(tmp_path)


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_process_may_start_while_a_renewal_has_gone_wrong(
    issuer: Issuer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    in_memory: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """It is given what the files had in them when they were good, and loads the next good ones."""
    if not in_memory:
        monkeypatch.delattr("os.memfd_create")
    pair, renewed = issuer.write("live"), issuer.write("renewed")
    old = pair.der
    config = ServerConfig.from_mapping(pair.settings)
    now = [100.0]
    recent = RecentFiles(CertificateStore(config, keep=True))
    pair.certfile.write_bytes(renewed.certfile.read_bytes())
    passed: RecentFiles = pickle.loads(pickle.dumps(recent))
    store = CertificateStore(config, kept=passed.kept, clock=lambda: now[0])
    assert presented(store.current()) == old
    assert "serves on" in caplog.text
    renewed.copy_to(pair)
    now[0] += LOOK_EVERY_S
    assert presented(store.current()) == renewed.der


def test_a_process_is_given_the_newest_good_files(issuer: Issuer) -> None:
    """Those at the time it is started, not at the start of the server."""
    pair, renewed = issuer.write("live"), issuer.write("renewed")
    now = [100.0]
    config = ServerConfig.from_mapping(pair.settings)
    recent = RecentFiles(CertificateStore(config, keep=True, clock=lambda: now[0]))
    renewed.copy_to(pair)
    now[0] += LOOK_EVERY_S
    passed: RecentFiles = pickle.loads(pickle.dumps(recent))
    assert passed.kept[str(pair.certfile)] == renewed.certfile.read_bytes()
    assert pickle.loads(pickle.dumps(passed)).kept == passed.kept


def test_nothing_is_kept_unasked(issuer: Issuer) -> None:
    """A key is not held in memory where nobody may need it."""
    assert (
        CertificateStore(ServerConfig.from_mapping(issuer.write("live").settings)).kept_files()
        == {}
    )
    assert RecentFiles().kept == {}


def test_a_start_fails_where_too_little_is_kept(issuer: Issuer) -> None:
    """Half a pair is none."""
    pair = issuer.write("live")
    kept: Mapping[str, bytes] = {str(pair.certfile): pair.certfile.read_bytes()}
    pair.keyfile.unlink()
    with pytest.raises(TLSSetupError, match="There is no file"):
        CertificateStore(ServerConfig.from_mapping(pair.settings), kept=kept)


def test_contents_have_a_place_only_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is put down can be read meanwhile, and by nobody afterwards."""
    for _ in range(2):
        with placed({"a": b"1", "b": b"2"}) as places:
            assert [Path(places[name]).read_bytes() for name in "ab"] == [b"1", b"2"]
        assert not any(Path(each).exists() for each in places.values())
        monkeypatch.delattr("os.memfd_create", raising=False)
