import imaplib
import ssl
from pathlib import Path
from typing import Any

import pytest

from infra.local import cluster, dovecot, program
from infra.local.cluster import Cluster

USER, OTHER = dovecot.USERS
RAW = b"From: a@example.test\r\nSubject: trial\r\n\r\nbody\r\n"


def _context(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(dovecot.ca_file(folder)))


def _connected(components: Cluster) -> imaplib.IMAP4_SSL:
    imap = components.imap
    return imaplib.IMAP4_SSL(dovecot.HOST, imap.ports["imaps"], ssl_context=_context(imap.folder))


@pytest.mark.parametrize("user", dovecot.USERS)
def test_each_user_signs_in_with_the_password_of_the_file(components: Cluster, user: str) -> None:
    with _connected(components) as client:
        client.login(user, dovecot.password_file(components.imap.folder, user).read_text())
        assert client.select("INBOX", readonly=True)[0] == "OK"


def test_a_wrong_password_is_refused_at_once(components: Cluster) -> None:
    with _connected(components) as client, pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.login(USER, dovecot.password_file(components.imap.folder, OTHER).read_text())


def test_starttls_on_the_other_port(components: Cluster) -> None:
    imap = components.imap
    with imaplib.IMAP4(dovecot.HOST, imap.ports["imap"]) as client:
        assert "STARTTLS" in client.capabilities
        client.starttls(_context(imap.folder))
        client.login(USER, dovecot.password_file(imap.folder, USER).read_text())


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_a_signed_token_signs_in_and_an_expired_one_does_not(components: Cluster, mechanism: str) -> None:
    folder = components.imap.folder
    with _connected(components) as client:
        assert client.authenticate(mechanism, _answers(mechanism, dovecot.token(folder, USER)))[0] == "OK"
    with _connected(components) as client, pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.authenticate(mechanism, _answers(mechanism, dovecot.token(folder, USER, -60)))


def test_mail_is_delivered_into_folders_of_any_name(components: Cluster) -> None:
    folder = components.imap.folder
    dovecot.deliver(folder, USER, {"1.trial": RAW, "2.trial": RAW}, "合同/2026")
    with _connected(components) as client:
        client.login(USER, dovecot.password_file(folder, USER).read_text())
        assert client.select('"&VAhUDA-/2026"', readonly=True) == ("OK", [b"2"])
        assert client.search(None, "UNSEEN")[1] == [b"1 2"]
        found = client.fetch("1", "(BODY.PEEK[])")[1][0]
        assert isinstance(found, tuple)
        assert found[1] == RAW


def test_a_home_deeper_than_a_socket_path_may_be(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with cluster.running({"dovecot"}, deep) as components, _connected(components) as client:
        client.login(USER, dovecot.password_file(components.imap.folder, USER).read_text())


def test_modern_extensions_and_none_of_them(components: Cluster, tmp_path: Path) -> None:
    with _connected(components) as client:
        client.login(USER, dovecot.password_file(components.imap.folder, USER).read_text())
        assert {"CONDSTORE", "QRESYNC", "LIST-STATUS"} <= set(client.capability()[1][0].decode().split())
    with cluster.running({"dovecot"}, tmp_path, imap=dovecot.Options(users=("one@example.test",), plain=True)) as plain:
        assert program.state(plain.imap) == "running"
        with _connected(plain) as client:
            client.login("one@example.test", dovecot.password_file(plain.imap.folder, "one@example.test").read_text())
            offered = set(client.capability()[1][0].decode().split())
    assert "UIDPLUS" in offered
    assert not offered & {"CONDSTORE", "QRESYNC", "LIST-STATUS", "IDLE"}


def _answers(mechanism: str, token: str) -> Any:
    initial = f"user={USER}\x01auth=Bearer {token}\x01\x01"
    if mechanism == "OAUTHBEARER":
        initial = f"n,a={USER},\x01auth=Bearer {token}\x01\x01"
    replies = iter([initial.encode(), b"\x01" if mechanism == "OAUTHBEARER" else b""])
    return lambda _challenge: next(replies)
