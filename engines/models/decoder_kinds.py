"""Kinds of network heads: from a network's arrays to people. One file a kind, one line here.

A kind is made from (skeleton, input, the decoder's table of a card).
"""

from collections.abc import Callable, Mapping
from typing import Any

from engines.decoders.boxes.box_heads import BoxHeadDecoder
from engines.decoders.boxes.people_boxes import BoxDecoder
from engines.decoders.crop_heatmaps import HeatmapDecoder
from engines.decoders.decoder import Decoder
from engines.decoders.direct import DirectDecoder
from engines.decoders.fields.associative_embedding import TagDecoder
from engines.decoders.fields.centre_point import CentrePointDecoder
from engines.decoders.fields.personlab import PersonLabDecoder
from engines.decoders.fields.pifpaf import PifPafDecoder
from engines.decoders.paf import PafDecoder
from engines.decoders.parts import FaceMeshDecoder, HandDecoder
from engines.decoders.regression import BlazePoseDecoder, RegressionDecoder
from engines.decoders.simcc import SimCCDecoder
from engines.types.network_input import NetworkInput
from engines.types.skeleton import Skeleton

MakeDecoder = Callable[[Skeleton, NetworkInput, Mapping[str, Any]], Decoder]
DECODERS: dict[str, MakeDecoder] = {
    "paf": PafDecoder.from_table,
    "direct": DirectDecoder.from_table,
    "tags": TagDecoder.from_table,
    "personlab": PersonLabDecoder.from_table,
    "centre-point": CentrePointDecoder.from_table,
    "regression": RegressionDecoder.from_table,
    "simcc": SimCCDecoder.from_table,
    "pifpaf": PifPafDecoder.from_table,
    "box-heads": BoxHeadDecoder.from_table,
    "boxes": BoxDecoder.from_table,
    "heatmap": HeatmapDecoder.from_table,
    "blazepose": BlazePoseDecoder.from_table,
    "hand": HandDecoder.from_table,
    "face-mesh": FaceMeshDecoder.from_table,
}
