"""What `serverkit check` and `serverkit config` say of TLS."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.conftest import Run
from tests.server.key_pairs import Issuer, Pair, encrypted

APP = "async def app(scope, receive, send):\n    raise RuntimeError('must not be called')\n"
SECRET = "correct horse"


@pytest.fixture
def issuer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Issuer:
    """Somebody who issues certificates into the folder with the application."""
    monkeypatch.delenv("SSLKEYLOGFILE", raising=False)
    (folder / "checked_tls.py").write_text(APP)
    return Issuer(folder)


@pytest.fixture
def pair(issuer: Issuer) -> Pair:
    """A certificate that is good for some time, and its key."""
    return issuer.write("live", "shop.example", "www.shop.example", days=90.5)


def check(run: Run, *flags: str, **environ: str) -> Result:
    """Check the application with these flags."""
    return run("check", "checked_tls:app", *flags, **environ)


def lines_of(result: Result, subject: str) -> list[str]:
    """Return the lines about a subject, without its name."""
    mark = f"  {subject}: "
    return [
        line.replace(mark, " ", 1)
        for line in result.stdout.splitlines()
        if mark in line[: len(mark) + 4]
    ]


def test_a_certificate_and_its_key_pass(run: Run, pair: Pair) -> None:
    """The line names the files, whom it is for, who has signed it, and until when."""
    result = check(run, *pair.flags)
    assert result.exit_code == 0
    assert lines_of(result, "tls") == ["PASS 1.2 and newer"]
    [line] = lines_of(result, "certificate")
    assert line.startswith(f"PASS {pair.certfile} and {pair.keyfile}: shop.example, www.shop.")
    assert "; by trustme" in line
    assert "whose certificate is not in the file" in line
    assert line.endswith(", 90 days")


def test_nothing_is_said_without_tls(run: Run, issuer: Issuer) -> None:
    """Who serves plain http is told nothing of certificates."""
    assert issuer.authority.exists()
    result = check(run)
    assert result.exit_code == 0
    assert lines_of(result, "tls") == lines_of(result, "certificate") == []


@pytest.mark.parametrize(
    ("days", "verdict", "text"),
    [
        (13.5, "WARN", "which is in 13 days. Renew it."),
        (1.5, "WARN", "which is in 1 day. Renew it."),
        (0.5, "WARN", "which is in less than a day. Renew it."),
        (14.5, "PASS", "14 days"),
        (-1.0, "FAIL", "it expired on"),
    ],
)
def test_how_long_it_is_good_counts(
    run: Run, issuer: Issuer, days: float, verdict: str, text: str
) -> None:
    """A warning in the last fourteen days, a failure afterwards."""
    result = check(run, *issuer.write("live", days=days).flags)
    [line] = lines_of(result, "certificate")
    assert line.startswith(verdict)
    assert text in line
    assert result.exit_code == (1 if verdict == "FAIL" else 0)


def test_a_key_of_another_certificate_fails(run: Run, issuer: Issuer, pair: Pair) -> None:
    """With the flag that set it and the remedy, and exit code 1."""
    other = issuer.write("other")
    result = check(run, *Pair(pair.certfile, other.keyfile).flags)
    assert result.exit_code == 1
    [line] = lines_of(result, "certificate")
    assert line.startswith("FAIL Certificate and key do not belong together")
    assert "Set by --ssl-keyfile." in result.stdout
    assert "Name the key that the certificate was made for." in result.stdout


def test_each_name_has_a_line(run: Run, issuer: Issuer, pair: Pair) -> None:
    """A certificate that is not for the name it is shown for is a warning."""
    good, bad = issuer.write("good", "*.api.example"), issuer.write("bad", "else.example")
    result = check(
        run,
        *pair.flags,
        *("--ssl-sni", good.entry("*.api.example"), "--ssl-sni", bad.entry("b.example")),
    )
    first, second, third = lines_of(result, "certificate")
    assert first.startswith("PASS")
    assert second.startswith(f"PASS {good.certfile} and {good.keyfile} for *.api.example: ")
    assert third.startswith("WARN")
    assert "it is not for b.example, so clients will refuse it there" in third
    assert result.exit_code == 0


def test_one_bad_certificate_hides_no_other(run: Run, issuer: Issuer, pair: Pair) -> None:
    """All of them are looked at."""
    bad = issuer.write("bad", "b.example")
    bad.keyfile.unlink()
    result = check(run, *pair.flags, "--ssl-sni", bad.entry("b.example"))
    first, second = lines_of(result, "certificate")
    assert first.startswith("PASS")
    assert second.startswith("FAIL There is no file")
    assert result.exit_code == 1


def test_a_function_is_called(run: Run, pair: Pair, folder: Path) -> None:
    """What it makes is looked at as clients will see it."""
    files = f"{str(pair.certfile)!r}, {str(pair.keyfile)!r}"
    lines = (
        "def make(config, default):",
        "    context = default()",
        f"    context.load_cert_chain({files})",
        "    return context",
    )
    source = "\n".join(lines)
    (folder / "checked_contexts.py").write_text(source)
    result = check(run, "--ssl-context-factory", "checked_contexts:make")
    [line] = lines_of(result, "certificate")
    assert line.startswith("PASS made by ssl_context_factory: shop.example")
    assert lines_of(result, "tls") == ["PASS as ssl_context_factory makes it"]


def test_a_function_that_loads_no_certificate_fails(run: Run, folder: Path) -> None:
    """It is found out before a deployment, not by the first client."""
    (folder / "bare_contexts.py").write_text("def make(config, default):\n    return default()\n")
    result = check(run, "--ssl-context-factory", "bare_contexts:make")
    [line] = lines_of(result, "certificate")
    assert line.startswith("FAIL The function that makes the context of TLS gives one without")
    assert "context.load_cert_chain" in result.output
    assert result.exit_code == 1


def test_what_redirects_is_told(run: Run, pair: Pair) -> None:
    """Beside the addresses that speak TLS."""
    result = check(run, *pair.flags, "--bind", ":443", "--redirect-bind", ":80")
    assert lines_of(result, "address") == ["PASS :443; :80 redirects"]


def test_a_key_log_is_a_warning(run: Run, pair: Pair) -> None:
    """Nobody should deploy with it unawares."""
    result = check(run, *pair.flags, SSLKEYLOGFILE="keys.log")
    assert lines_of(result, "tls") == [
        "WARN SSLKEYLOGFILE is set: whoever can read keys.log can decrypt everything"
    ]


def test_a_password_is_shown_nowhere(run: Run, issuer: Issuer, pair: Pair) -> None:
    """Not by `check`, nor by `config show`, whatever set it."""
    pair.keyfile.write_bytes(encrypted(pair.keyfile.read_bytes(), SECRET))
    environ = {"SERVERKIT_SSL_KEYFILE_PASSWORD": SECRET}
    results = [
        check(run, *pair.flags, **environ),
        check(run, *pair.flags, "--ssl-keyfile-password", f"{SECRET}?"),
        run("config", "show", *pair.flags, "--format", "text", **environ),
        run("config", "show", *pair.flags, "--format", "json", **environ),
    ]
    assert [each.exit_code for each in results] == [0, 1, 0, 0]
    assert all(SECRET not in each.output for each in results)
    assert '#ssl_keyfile_password = "***"' in results[2].stdout
    assert "SERVERKIT_SSL_KEYFILE_PASSWORD; not shown" in results[2].stdout
    assert json.loads(results[3].stdout)["ssl_keyfile_password"]["value"] == "***"
    assert issuer.authority.exists()


def test_a_password_that_is_none_is_not_shown(run: Run, folder: Path) -> None:
    """Also where the file has something of another type in its place."""
    (folder / "serverkit.toml").write_text("ssl_keyfile_password = 4711\n")
    result = run("config", "show")
    assert result.exit_code == 1
    assert "ssl_keyfile_password must be a string" in result.output
    assert "4711" not in result.output


def test_the_schema_tells_editors_what_is_secret(run: Run) -> None:
    """A property that is only ever written."""
    properties = json.loads(run("config", "schema").stdout)["properties"]
    assert [name for name in properties if properties[name].get("writeOnly")] == [
        "ssl_keyfile_password"
    ]


def test_help_teaches_tls(run: Run) -> None:
    """Under one heading, with what each of the files is where most people have theirs."""
    text = run("serve", "--help").stdout
    section = text[text.index("\nTLS:\n") : text.index("\nLogging:\n")]
    for flag in ("certfile", "keyfile", "keyfile-password", "sni", "ca-certs", "cert-reqs"):
        assert f"--ssl-{flag} " in section
    for flag in ("minimum-version", "ciphers", "context-factory", "handshake-timeout"):
        assert f"--ssl-{flag} " in section
    words = " ".join(section.split())
    for words_of_help in ("fullchain.pem", "privkey.pem", "--redirect-bind ADDRESS", "NAME=FILE"):
        assert words_of_help in words
