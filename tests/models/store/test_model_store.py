"""Where model files come from: folders first, then a server, and never a wrong one."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from framewire.models.catalogue.entries import CATALOGUE, UnknownModelError, find_entry
from framewire.models.catalogue.model_entry import ModelEntry, ModelInput
from framewire.models.catalogue.model_file import ModelFile, NotTrustedError, WrongFileError, sha256_of
from framewire.models.store.model_store import PACKAGED, ModelMissingError, ModelStore, verify_all

CONTENT = bytes(range(256)) * 400
BREAK = 3 * 2**14
"""Bytes after which a link breaks, in whole chunks."""


class Server(ThreadingHTTPServer):
    """Serves one file, well or badly, counts the requests, and records the ranges requested."""

    asked = 0
    ranges: list[str]


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
        self.server.ranges.append(self.headers.get("Range", ""))
        start = self._start()
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        reach = {"/short": 1000, "/breaks": BREAK, "/breaks-without-ranges": BREAK * self.server.asked**2}
        self.wfile.write(CONTENT[start:][: reach.get(self.path)])

    def _start(self) -> int:
        asked = self.headers.get("Range")
        return (
            int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.path in ("/breaks", "/ranges") else 0
        )

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as serving:
        serving.ranges = []
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


def test_what_another_machine_lends_is_found_first(server: Server, content_hash: str, tmp_path: Path) -> None:
    """And must be right; what the catalogue does not know was trusted there."""
    entry, lent = entry_at(url(server, "good"), content_hash), tmp_path / "lent" / "test.onnx"
    store = ModelStore(cache=tmp_path / "cache", lent={"test.onnx": lent})
    assert ModelStore(cache=tmp_path / "cache").to_lend(entry) == []
    lent.parent.mkdir()
    (tmp_path / "cache").mkdir()
    lent.write_bytes(CONTENT)
    (tmp_path / "cache" / "test.onnx").write_bytes(b"another")
    assert store.find(entry) == store.need(entry) == store.to_lend(entry) == [lent]
    assert server.asked == 0
    assert ModelStore(cache=tmp_path / "cache").to_lend(entry) == []
    unknown = msgspec.structs.replace(entry, files=(msgspec.structs.replace(entry.files[0], sha256="", size=0),))
    assert store.find(unknown) == [lent]
    lent.write_bytes(b"another")
    with pytest.raises(WrongFileError):
        store.find(entry)
    assert store.to_lend(find_entry("framewire-emotion")) == []


@pytest.mark.parametrize("place", ["mine", "cache"])
@pytest.mark.parametrize("name", ["framewire_emotion.onnx", "framewire-emotion.onnx"])
def test_a_file_with_a_packaged_models_name_that_is_another_is_refused(name: str, place: str, tmp_path: Path) -> None:
    """And one that is the same is none of anybody's business."""
    entry, store = find_entry("framewire-emotion"), ModelStore(tmp_path / "mine", tmp_path / "cache")
    path = tmp_path / place / name
    path.parent.mkdir()
    path.write_bytes((PACKAGED / "framewire_emotion.onnx").read_bytes())
    assert store.need(entry) == store.find(entry) == [PACKAGED / "framewire_emotion.onnx"]
    path.write_bytes(b"my own")
    for ask in (store.need, store.find):
        with pytest.raises(WrongFileError) as caught:
            ask(entry)
        assert str(caught.value).startswith(f"{path} has the name of the catalogue's framewire-emotion")
        assert f"say `model: {path}`" in str(caught.value)
    states = {one.name: state for one, state in verify_all(store, CATALOGUE)}
    assert str(path) in states["framewire-emotion"]
    assert states["framewire-age-gender"] == "good"


def test_a_file_with_a_models_name_is_not_passed_over_for_a_download(
    server: Server, content_hash: str, tmp_path: Path
) -> None:
    entry = entry_at(url(server, "good"), content_hash)
    entry = msgspec.structs.replace(entry, files=(msgspec.structs.replace(entry.files[0], name="other.onnx"),))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "test.onnx").write_bytes(b"my own")
    with pytest.raises(WrongFileError, match="has the name of the catalogue's test, but is another file"):
        ModelStore(tmp_path / "mine", tmp_path / "cache").need(entry)
    assert server.asked == 0


def test_a_file_of_ones_own_is_found_by_its_stem(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").touch()
    assert ModelStore(tmp_path, tmp_path / "cache").own_file("mine") == tmp_path / "mine.onnx"
    assert ModelStore(tmp_path, tmp_path / "cache").own_file("yours") is None


class Watcher:
    """Sees a download's progress."""

    def __init__(self) -> None:
        self.starts: list[tuple[int, int | None]] = []
        self.bytes = 0

    def start(self, done: int, total: int | None) -> None:
        self.starts.append((done, total))

    def update(self, count: int) -> None:
        self.bytes += count


def test_a_download_that_breaks_goes_on_where_it_broke(server: Server, content_hash: str, tmp_path: Path) -> None:
    store, watcher = ModelStore(cache=tmp_path / "cache"), Watcher()
    (path,) = store.need(entry_at(url(server, "breaks"), content_hash), watcher)
    assert path.read_bytes() == CONTENT
    assert server.ranges == ["", f"bytes={BREAK}-", f"bytes={2 * BREAK}-"]
    assert watcher.starts == [(0, len(CONTENT)), (BREAK, len(CONTENT)), (2 * BREAK, len(CONTENT))]
    assert watcher.bytes == len(CONTENT)
    assert not list((tmp_path / "cache").glob("*.part"))


def test_what_came_before_the_last_run_ended_is_not_fetched_again(
    server: Server, content_hash: str, tmp_path: Path
) -> None:
    (tmp_path / "ranges.part").write_bytes(CONTENT[:50_000])
    (path,) = ModelStore(cache=tmp_path).need(entry_at(url(server, "ranges"), content_hash))
    assert path.read_bytes() == CONTENT
    assert server.ranges == ["bytes=50000-"]


def test_a_part_of_another_file_costs_one_more_try(server: Server, content_hash: str, tmp_path: Path) -> None:
    (tmp_path / "ranges.part").write_bytes(b"x" * 50_000)
    (path,) = ModelStore(cache=tmp_path).need(entry_at(url(server, "ranges"), content_hash))
    assert path.read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges_sends_all_of_it_again(server: Server, content_hash: str, tmp_path: Path) -> None:
    store = ModelStore(cache=tmp_path / "cache")
    (path,) = store.need(entry_at(url(server, "breaks-without-ranges"), content_hash))
    assert path.read_bytes() == CONTENT
    assert server.ranges == ["", f"bytes={BREAK}-"]


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
    with pytest.raises(WrongFileError, match="is not the expected file: its sha256 is"):
        store.need(entry)
    (tmp_path / "test.onnx").write_bytes(CONTENT[:-1])
    with pytest.raises(WrongFileError, match="has 102399 bytes and should have 102400"):
        store.find(entry)
    assert [state[:4] for _, state in verify_all(store, [entry])] != ["good"]


def test_a_file_whose_hash_nobody_knows_needs_trust_once(server: Server, tmp_path: Path) -> None:
    entry, cache = entry_at(url(server, "good"), ""), tmp_path / "cache"
    with pytest.raises(ModelMissingError, match="pull it with --trust"):
        ModelStore(cache=cache).need(entry)
    assert server.asked == 0
    (path,) = ModelStore(cache=cache, trust=True).need(entry)
    assert ModelStore(cache=cache).find(entry) == [path]
    # The content is trusted, not the name.
    path.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(WrongFileError, match="is not the expected file"):
        ModelStore(cache=cache).find(entry)


def test_a_file_of_the_users_is_not_taken_untrusted(tmp_path: Path) -> None:
    entry, mine = entry_at("http://127.0.0.1:9/model", ""), tmp_path / "mine"
    mine.mkdir()
    (mine / "test.onnx").write_bytes(CONTENT)
    store = ModelStore(mine, tmp_path / "cache")
    with pytest.raises(NotTrustedError, match="models pull --trust"):
        store.find(entry)
    assert [state for _, state in verify_all(store, [entry])] == ["not trusted"]
    assert ModelStore(mine, tmp_path / "cache", trust=True).find(entry) == store.find(entry) == [mine / "test.onnx"]


def test_a_spoilt_list_of_trust_trusts_nothing(tmp_path: Path) -> None:
    entry = entry_at("http://127.0.0.1:9/model", "")
    (tmp_path / "test.onnx").write_bytes(CONTENT)
    (tmp_path / "trusted.json").write_text("{")
    with pytest.raises(NotTrustedError):
        ModelStore(cache=tmp_path).find(entry)


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
    with pytest.raises(UnknownModelError, match="unknown model 'yolo'; choose from yunet"):
        find_entry("yolo")
