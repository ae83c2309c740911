"""Each line once, whatever the process before has left."""

import os
import struct
from pathlib import Path

from framewire.stages.jsonl_writer.pipe_output import PipeOutput


def line(seq: int) -> bytes:
    return b'{"seq": %d}\n' % seq


def test_a_replacement_writes_nothing_twice(tmp_path: Path) -> None:
    read, write = os.pipe()
    first = PipeOutput(tmp_path, "list", resumed=False, fd=write)
    for seq in range(3):
        first.write("a", seq, line(seq))
    first.write("b", 0, line(0))
    first.close()
    again = PipeOutput(tmp_path, "list", resumed=True, fd=write)
    for seq in range(1, 5):
        again.write("a", seq, line(seq))
    again.write("b", 1, line(1))
    assert os.read(read, 1000) == b"".join(map(line, [0, 1, 2, 0, 3, 4, 1]))
    again.close()
    fresh = PipeOutput(tmp_path, "list", resumed=False, fd=write)
    fresh.write("a", 0, line(0))
    assert os.read(read, 1000) == line(0)


def killed_in_a_write(folder: Path, fd: int, seq: int) -> None:
    """A process that died when it had written half a line."""
    output = PipeOutput(folder, "list", resumed=False, fd=fd)
    for before in range(seq):
        output.write("a", before, line(before))
    (state,) = folder.glob("list.*.pipe")
    begins = os.lseek(fd, 0, os.SEEK_CUR) if os.path.isfile(f"/proc/self/fd/{fd}") else -1  # noqa: PTH113
    os.write(fd, line(seq)[:5])
    state.write_bytes(struct.pack("<qqq", seq, 1, begins))


def test_a_torn_line_in_a_file_goes(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    killed_in_a_write(tmp_path, fd, 2)
    again = PipeOutput(tmp_path, "list", resumed=True, fd=fd)
    for seq in range(1, 4):
        again.write("a", seq, line(seq))
    assert path.read_bytes() == b"".join(map(line, range(4)))


def test_a_torn_line_in_a_pipe_is_ended_and_comes_again(tmp_path: Path) -> None:
    read, write = os.pipe()
    killed_in_a_write(tmp_path, write, 2)
    again = PipeOutput(tmp_path, "list", resumed=True, fd=write)
    again.write("a", 2, line(2))
    assert os.read(read, 1000).splitlines() == [line(0).strip(), line(1).strip(), line(2)[:5], line(2).strip()]
