"""A server's certificate is checked, unless the user says otherwise."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from tests.file_server import serving_files
from tests.system.running import Running
from tests.videos import write_video

PIPELINE = """
stages:
  capture: {use: capture, tries: 1, limit: 1}
  list: {use: jsonl_writer, input: capture, path: list.jsonl}
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that nobody has signed but itself, and its key."""
    if which("openssl") is None:
        pytest.skip("openssl is not installed")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", f"{path}.key", "-out", path], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.key").read_text())
    return path


@pytest.fixture
def address(certificate: Path, tmp_path: Path) -> Iterator[str]:
    write_video(tmp_path / "film.mp4")
    with serving_files(tmp_path, certificate=certificate) as server:
        yield f"{server}/film.mp4"


@pytest.mark.parametrize("verifies", ["nobody's", "no", "its own"])
def test_a_certificate_that_nobody_has_signed(
    verifies: str, address: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "tls.yaml"
    config.write_text(PIPELINE)
    if verifies == "its own":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    sets = ("--set", "capture.verify=false") if verifies == "no" else ()
    finished = Running(config, tmp_path / "out", "--source", address, *sets).finish()
    assert finished.code == (1 if verifies == "nobody's" else 0), finished.stderr
    assert ("`verify: false` connects anyway" in finished.stderr) == (verifies == "nobody's")
