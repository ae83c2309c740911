"""The networks by name: at what size each works, and how it is trained. Importing this loads no library."""

from enum import StrEnum

from msgspec import Struct


class NetName(StrEnum):
    """Of `framewire train --net`."""

    LENET = "lenet"
    VGG_SMALL = "vgg-small"
    GOOGLENET_SMALL = "googlenet-small"
    RESNET = "resnet"
    FACE_NET = "face-net"


class KnownNet(Struct, frozen=True, kw_only=True):
    """A network's input side in pixels, by default and at least; epochs, highest learning rate and dropout."""

    size: int
    least: int
    epochs: int
    rate: float
    dropout: float = 0.0


KNOWN_NETS: dict[NetName, KnownNet] = {
    NetName.LENET: KnownNet(size=32, least=8, epochs=20, rate=0.05),
    NetName.VGG_SMALL: KnownNet(size=32, least=8, epochs=40, rate=0.05, dropout=0.4),
    NetName.GOOGLENET_SMALL: KnownNet(size=32, least=16, epochs=40, rate=0.05, dropout=0.2),
    NetName.RESNET: KnownNet(size=32, least=16, epochs=40, rate=0.08),
    NetName.FACE_NET: KnownNet(size=48, least=16, epochs=40, rate=0.08, dropout=0.3),
}
