"""`dvc push` and `dvc pull` over SSH: a real server on loopback, with keys made for the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from tests.workflow.project import Project

pytestmark = pytest.mark.slow

USER = "researcher"


@dataclass(frozen=True)
class Server:
    """An SFTP server on loopback that lets one key in and shows `files` as its root."""

    port: int
    files: Path
    key: Path

    @property
    def url(self) -> str:
        return f"ssh://{USER}@127.0.0.1:{self.port}/store"


def key_file(path: Path) -> asyncssh.SSHKey:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(path))
    path.chmod(0o600)
    return key


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    files = tmp_path / "files"
    files.mkdir()
    key, host_key = key_file(tmp_path / "key"), asyncssh.generate_private_key("ssh-ed25519")
    authorized = asyncssh.import_authorized_keys(key.export_public_key().decode())
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host_key],
            authorized_client_keys=authorized,
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=bytes(files)),
            allow_scp=False,
        )

    acceptor = asyncio.run_coroutine_threadsafe(listen(), loop).result(30)
    port = acceptor.get_port()
    yield Server(port, files, tmp_path / "key")
    loop.call_soon_threadsafe(acceptor.close)
    asyncio.run_coroutine_threadsafe(acceptor.wait_closed(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)
    loop.close()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the keys and settings of whoever runs the tests."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


def add_remote(project: Project, server: Server, key: Path) -> None:
    """As docs/dvc.md says: the address for everybody, the key for this checkout alone."""
    project.run("dvc", "remote", "add", "--force", "ssh", server.url)
    project.run("dvc", "remote", "modify", "--local", "ssh", "keyfile", str(key))


def test_samples_travel_over_ssh_to_the_byte(project: Project, server: Server, tmp_path: Path) -> None:
    samples = Path("data/ci/samples/clean")
    add_remote(project, server, server.key)
    assert str(server.key) not in (project.root / ".dvc" / "config").read_text()
    project.commit()
    project.run("dvc", "push", "-q", "-r", "ssh", "samples")
    assert any((server.files / "store").rglob("*"))
    clone = project.clone(tmp_path / "clone")
    add_remote(clone, server, server.key)
    clone.run("dvc", "pull", "-q", "-r", "ssh", "samples")
    expected = {path.name: path.read_bytes() for path in (project.root / samples).iterdir()}
    assert {path.name: path.read_bytes() for path in (clone.root / samples).iterdir()} == expected
    assert "in sync" in clone.run("dvc", "status", "-c", "-r", "ssh", "samples").stdout


def test_a_wrong_key_is_refused_with_a_clear_message(project: Project, server: Server, tmp_path: Path) -> None:
    key_file(tmp_path / "other")
    add_remote(project, server, tmp_path / "other")
    done = project.run("dvc", "push", "-r", "ssh", "samples", ok=False)
    assert done.returncode != 0
    assert "Permission denied for user researcher" in done.stderr
    assert list(server.files.iterdir()) == []
