"""Where model files come from: folders first, then a server, and never one that is not what it should be."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models.catalogue import CATALOGUE, UnknownModelError, find_entry
from models.model_entry import ModelEntry, ModelInput
from models.model_file import ModelFile, WrongFileError, sha256_of
from models.model_store import PACKAGED, ModelMissingError, ModelStore, verify_all

CONTENT = bytes(range(256)) * 400


class Server(ThreadingHTTPServer):
    """Serves one file, well or badly, and counts how often it was asked."""

    asked = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        if self.path == "/missing":
            self.send_error(404)
            return
        if self.path == "/hiccup" and self.server.asked == 1:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:1000] if self.path == "/short" else CONTENT)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture
def content_hash(tmp_path: Path) -> str:
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return sha256_of(path)


def entry_at(url: str, sha256: str) -> ModelEntry:
    return ModelEntry(
        name="test",
        task="age",
        runtime="onnxruntime",
        files=(ModelFile(name="test.onnx", url=url, sha256=sha256, size=len(CONTENT)),),
        licence="none",
        origin="a test",
        input=ModelInput(height=1, width=1, order="BGR"),
        output="nothing",
    )


def url(server: Server, path: str) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/{path}"


def test_a_good_file_is_fetched_once(server: Server, content_hash: str, tmp_path: Path) -> None:
    store, entry = ModelStore(cache=tmp_path / "cache"), entry_at(url(server, "good"), content_hash)
    assert store.find(entry) is None
    (path,) = store.need(entry)
    assert path.read_bytes() == CONTENT
    assert store.need(entry) == store.find(entry) == [path]
    assert server.asked == 1


def test_a_server_that_hiccups_is_asked_again(server: Server, content_hash: str, tmp_path: Path) -> None:
    store = ModelStore(cache=tmp_path / "cache")
    assert store.need(entry_at(url(server, "hiccup"), content_hash))
    assert server.asked == 2


@pytest.mark.parametrize("kind", ["missing", "short"])
def test_what_cannot_be_had_is_said_with_the_cure(kind: str, server: Server, content_hash: str, tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "mine", tmp_path / "cache")
    with pytest.raises(ModelMissingError) as caught:
        store.need(entry_at(url(server, kind), content_hash))
    text = str(caught.value)
    assert "test: test.onnx could not be downloaded" in text
    assert f"get it from {url(server, kind)} and put it into {tmp_path / 'mine'}" in text
    assert not list((tmp_path / "cache").glob("*.onnx"))


def test_a_wrong_file_from_the_server_is_not_kept(server: Server, tmp_path: Path) -> None:
    store = ModelStore(cache=tmp_path / "cache")
    with pytest.raises(ModelMissingError, match=r"test\.onnx could not be downloaded"):
        store.need(entry_at(url(server, "good"), "0" * 64))
    assert not list((tmp_path / "cache").glob("*.onnx"))


def test_no_server_at_all(content_hash: str, tmp_path: Path) -> None:
    store = ModelStore(cache=tmp_path / "cache")
    with pytest.raises(ModelMissingError, match="could not be downloaded"):
        store.need(entry_at("http://127.0.0.1:9/model", content_hash))


def test_a_spoilt_file_in_a_folder_is_never_given_out(content_hash: str, tmp_path: Path) -> None:
    entry = entry_at("http://127.0.0.1:9/model", content_hash)
    store = ModelStore(tmp_path, tmp_path / "cache")
    (tmp_path / "test.onnx").write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(WrongFileError, match="is not the file that it should be: its sha256 is"):
        store.need(entry)
    (tmp_path / "test.onnx").write_bytes(CONTENT[:-1])
    with pytest.raises(WrongFileError, match="has 102399 bytes and should have 102400"):
        store.find(entry)
    assert [state[:4] for _, state in verify_all(store, [entry])] != ["good"]


def test_a_file_whose_hash_nobody_knows_needs_trust(server: Server, tmp_path: Path) -> None:
    entry = entry_at(url(server, "good"), "")
    with pytest.raises(ModelMissingError, match="pull it with --trust"):
        ModelStore(cache=tmp_path / "cache").need(entry)
    assert server.asked == 0
    (path,) = ModelStore(cache=tmp_path / "cache", trust=True).need(entry)
    with pytest.raises(WrongFileError, match="say --trust"):
        ModelStore(cache=path.parent).find(entry)


def test_the_environment_may_name_the_folder(
    content_hash: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test.onnx").write_bytes(CONTENT)
    monkeypatch.setenv("FRAMEWIRE_MODELS", str(tmp_path))
    store = ModelStore(cache=tmp_path / "cache")
    assert store.find(entry_at("http://127.0.0.1:9/model", content_hash)) == [tmp_path / "test.onnx"]


def test_the_catalogue_is_whole() -> None:
    names = [entry.name for entry in CATALOGUE]
    assert len(set(names)) == len(names) >= 10
    for entry in CATALOGUE:
        for file in entry.files:
            packaged = (PACKAGED / file.name).is_file()
            assert file.url.startswith("https://") != packaged
            assert len(file.sha256) in (0, 64)
    with pytest.raises(UnknownModelError, match="there is no model 'yolo'; there are yunet"):
        find_entry("yolo")
