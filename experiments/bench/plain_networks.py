"""The architectures that have a plain network; the others share ours.

Ours shares no arithmetic with the papers' formulas where there was a cheaper way to the same
numbers; :data:`PLAIN` names those, with the network that one writes first. The others are left
out because ours is that network: Wide & Deep, the multi-task one and NCF are concatenations and
an MLP; DeepFM has the usual ½ (sum² - sum of squares); DeepRecSys' DIN builds [b, a, b + a] and
applies an MLP to it; the crosses of DLRM-DCN are two linear layers each, like MLPerf's. What is
ours in them, a ReLU in place and ``addcmul``, saves a few percent at most.
"""

from __future__ import annotations

from experiments.bench.plain.bert4rec import PlainBERT4Rec
from experiments.bench.plain.bst import PlainBST
from experiments.bench.plain.dcn import PlainDCN, PlainDCNv2
from experiments.bench.plain.dien import PlainDeepRecSysDIEN, PlainDIEN
from experiments.bench.plain.difm import PlainDIFM
from experiments.bench.plain.din import PlainDIN
from experiments.bench.plain.dlrm import PlainDLRM
from experiments.bench.plain.dmr import PlainDMR
from experiments.bench.plain.dpin import PlainDPIN
from experiments.bench.plain.flen import PlainFLEN
from experiments.bench.plain.network import PlainNetwork
from rmixer.models.base import RecommendationModel

PLAIN: dict[str, type[PlainNetwork]] = {
    "BERT4Rec": PlainBERT4Rec,
    "BST": PlainBST,
    "DCN": PlainDCN,
    "DCNv2": PlainDCNv2,
    "DIEN": PlainDIEN,
    "DIFM": PlainDIFM,
    "DIN": PlainDIN,
    "DLRM": PlainDLRM,
    "DMR": PlainDMR,
    "DPIN": PlainDPIN,
    "DeepRecSysDIEN": PlainDeepRecSysDIEN,
    "FLEN": PlainFLEN,
}
"""The plain network by the name of the model's class."""


def plain_network(model: RecommendationModel) -> PlainNetwork | None:
    """The plain network of ``model`` with its weights, or None if ours is plain."""
    kind = PLAIN.get(type(model).__name__)
    if kind is None:
        return None
    network = kind(model)
    network.copy_weights(model)
    return network
