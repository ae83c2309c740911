"""A new network by its name."""

from collections.abc import Callable

from torch import nn

from framewire.models.training.nets.face_net import own_face_net
from framewire.models.training.nets.googlenet_small import googlenet_small
from framewire.models.training.nets.known_nets import KNOWN_NETS, NetName
from framewire.models.training.nets.lenet import lenet
from framewire.models.training.nets.resnet import resnet
from framewire.models.training.nets.vgg_small import vgg_small


def face_net(channels: int, size: int, heads: dict[str, int], dropout: float) -> nn.Module:
    """See own_face_net: of any size."""
    return own_face_net(channels, heads, dropout)


_NETS: dict[NetName, Callable[[int, int, dict[str, int], float], nn.Module]] = {
    NetName.LENET: lenet,
    NetName.VGG_SMALL: vgg_small,
    NetName.GOOGLENET_SMALL: googlenet_small,
    NetName.RESNET: resnet,
    NetName.FACE_NET: face_net,
}


def new_net(name: NetName, channels: int, size: int, heads: dict[str, int]) -> nn.Module:
    """With random weights, for pictures (n, channels, size, size) of -1 to 1; gives logits by head."""
    return _NETS[name](channels, size, heads, KNOWN_NETS[name].dropout)
