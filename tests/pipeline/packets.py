"""Packets for tests."""

from framewire.pipeline.frame.packet import Detection, Packet


def packet(seq: int, window: int = 8, stream: str = "s", mark: int = 0, source: str = "s", **fields: object) -> Packet:
    return Packet(source=source, stream=stream, seq=seq, window=window, mark=mark, **fields)  # type: ignore[arg-type]


def face(id: str = "", **fields: object) -> Detection:  # noqa: A002
    return Detection(label="face", box=(1.0, 2.0, 3.0, 4.0), id=id, **fields)  # type: ignore[arg-type]
