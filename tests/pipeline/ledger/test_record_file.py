import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.ledger.record_file import NotARecordFileError, RecordFile, records_in


def written(path: Path, records: list[bytes]) -> bytes:
    file = RecordFile(path, to_disk=False)
    for record in records:
        file.add(record)
        file.commit()
    file.close()
    return path.read_bytes()


@given(st.lists(st.binary(max_size=40), max_size=6), st.data())
def test_whatever_is_cut_off_or_torn_the_records_before_it_are_read(records: list[bytes], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        whole = written(path, records)
        assert list(records_in(path)) == records
        end = data.draw(st.integers(8, len(whole)))
        path.write_bytes(whole[:end])
        cut = list(records_in(path))
        assert cut == records[: len(cut)]
        if end < len(whole):
            torn = bytearray(whole)
            torn[end] ^= 1 << data.draw(st.integers(0, 7))
            path.write_bytes(torn)
            left = list(records_in(path))
            # What begins with a length or a check that was changed is passed over, and all behind it.
            assert left == records[: len(left)]
            assert len(left) < len(records)


def test_what_is_not_committed_is_not_there(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "journal", to_disk=True)
    file.add(b"one")
    file.commit()
    file.add(b"two")
    file.close()
    assert list(records_in(tmp_path / "journal")) == [b"one"]


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    written(tmp_path / "journal", [b"faces"])
    assert stat.S_IMODE((tmp_path / "journal").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"FWJRNL99", b"{}\n"])
def test_what_is_no_journal_of_this_version_is_said(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(content)
    with pytest.raises(NotARecordFileError, match=r"journal is not a journal of this version"):
        list(records_in(path))
