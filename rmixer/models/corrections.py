"""The list of all differences between our models and the published code, with reasons.

Sources: RMixer's networks and configurations, DeepRecSys' configurations. If they contradict their
paper, the paper decides.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Correction:
    """One difference: the ``models``, the ``published`` form, ``ours`` and the ``reason``;
    ``embedding`` and ``dense`` parameters that it adds (negative: removes)."""

    models: tuple[str, ...]
    published: str
    ours: str
    reason: str
    embedding: int = 0
    dense: int = 0


CORRECTIONS: tuple[Correction, ...] = (
    # DLRM on Criteo
    Correction(
        ("criteo_dlrm",),
        published="two logits and a softmax",
        ours="one logit and sigmoid cross-entropy",
        reason="the paper's output",
        dense=-257,
    ),
    Correction(
        ("criteo_dlrm",),
        published="BatchNorm after the ReLU of every layer, the logits included",
        ours="none",
        reason="the paper has none, and a normalised ReLU bounds the logit",
        dense=-2 * (512 + 256 + 64 + 16 + 512 + 256 + 2),
    ),
    Correction(
        ("criteo_dlrm",),
        published="Adam at a rate of 0.1",
        ours="Adam at 0.001",
        reason="at 0.1 it does not learn",
    ),
    # DeepFM on Criteo
    Correction(
        ("criteo_deepfm",),
        published="a global bias that takes no part in the sum",
        ours="it is added, and trained",
        reason="the paper's w0",
    ),
    Correction(
        ("criteo_deepfm", "criteo_dcn"),
        published="id 0 is padding, its rows stay zero",
        ours="a row like any other",
        reason="hashed ids reach 0",
    ),
    # The others on Criteo, and Avazu
    Correction(
        (
            *("criteo_widedeep", "criteo_deepfm", "criteo_dcn", "criteo_dcn2", "criteo_difm"),
            *("avazu_widedeep", "amazon_bst"),
        ),
        published="the log loss of a probability, with 1e-4 added inside the logarithms",
        ours="the cross-entropy of the logit",
        reason="the paper's loss; far from the label the published one has hardly any gradient",
    ),
    Correction(
        ("criteo_dcn",),
        published="both cross layers share one weight and one bias",
        ours="each has its own",
        reason="the paper's",
        dense=2 * (26 * 9 + 13),
    ),
    Correction(
        ("criteo_dcn",),
        published="the loss adds Σ (x_l * w)² over batch and coordinates",
        ours="it does not",
        reason="no paper has it: it grows with the batch and outweighs the clicks",
    ),
    Correction(
        ("criteo_dcn2",),
        published="1,100,001 rows",
        ours="1,000,001",
        reason="the data has no other ids: 100,000 rows never get a gradient",
        embedding=-100_000 * 40,
    ),
    Correction(
        ("criteo_dcn2",),
        published="dropout of 0.5 after each linear layer and again after each ReLU",
        ours="after each ReLU",
        reason="once per layer is dropout; twice leaves a quarter of the units",
    ),
    Correction(
        ("criteo_difm",),
        published="a softmax over the fields of m_vec + m_bit",
        ours="the sum itself",
        reason="the paper's factors",
    ),
    Correction(
        ("criteo_difm",),
        published="no ReLU after the attention's residual",
        ours="one",
        reason="the paper's",
    ),
    Correction(
        ("criteo_difm",),
        published="ReLU and BatchNorm after every linear layer, m_vec, m_bit and a logit included",
        ours="ReLU after hidden layers and the dense values' vector, and no BatchNorm",
        reason="the paper has none, and its factors are linear in the last hidden layer",
        dense=-2 * (256 + 20 + 256 + 256 + 27 + 27 + 1),
    ),
    Correction(
        ("criteo_flen", "avazu_flen"),
        published="interactions within a group are computed and discarded",
        ours="they are added to those between groups",
        reason="the paper's h_FM; the count has its three weights either way",
    ),
    Correction(
        ("criteo_flen", "avazu_flen"),
        published="no linear part",
        ours="h_S, a weight for each id, enters the layer of the interactions",
        reason="the paper's",
        dense=1 + 32,
    ),
    Correction(
        ("criteo_flen",),
        published="no table of the linear part",
        ours="one, of 1,000,001 rows",
        reason="the paper's h_S",
        embedding=1_000_001,
    ),
    Correction(
        ("avazu_flen", "avazu_widedeep"),
        published="40,428,967 rows, one for each line of the file",
        ours="9,449,445, the values of the 22 fields, each with ids of its own",
        reason="the line's number was taken for a feature, and fields shared rows at random",
        embedding=(9_449_445 - 40_428_967) * 32,
    ),
    Correction(
        ("avazu_flen",),
        published="no table of the linear part",
        ours="one, of 9,449,445 rows",
        reason="the paper's h_S",
        embedding=9_449_445,
    ),
    Correction(
        ("criteo_flen", "avazu_flen"),
        published="dropout of 0.2 after linear layer, ReLU and BatchNorm each",
        ours="once, after BatchNorm",
        reason="the authors' public code; three times leaves half of the units",
    ),
    Correction(
        ("criteo_flen", "avazu_flen"),
        published="no Dicefactor",
        ours="elements of the interactions are dropped at a rate of 0.2",
        reason="the paper's, at the one rate that is configured",
    ),
    Correction(
        ("avazu_widedeep",),
        published="the line's number is one of 23 fields",
        ours="22 fields",
        reason="it is different in every line",
        dense=-32 * 512,
    ),
    Correction(
        ("avazu_widedeep",),
        published="the wide side is linear in raw ids, those of several samples mixed up",
        ours="a weight for each id of each field",
        reason="the paper's wide side is linear in one-hot features",
        embedding=9_449_445,
        dense=-23,
    ),
    # DeepRecSys
    Correction(
        ("rm1", "rm2", "rm3", "wnd", "mtwnd", "ncf", "din", "dien"),
        published="inference only",
        ours="binary cross-entropy, Adagrad at 0.01, batches of 256",
        reason="there is nothing to train by",
    ),
    Correction(
        ("rm1", "rm2", "rm3", "wnd", "mtwnd"),
        published="nothing of Adagrad's accumulator",
        ours="it begins with 0.1, not with 0 as for the other three",
        reason="hundreds of inputs, or the rows of a bag, move together in Adagrad's first steps: "
        "from 0 the loss jumps to 40 and more",
    ),
    Correction(
        ("mtwnd",),
        published="a tower ends in 128 sigmoids",
        ours="they are ReLUs, and one logit follows",
        reason="a task needs a prediction",
        dense=2 * (128 + 1),
    ),
    Correction(
        ("mtwnd",),
        published="one task, the default that the configuration leaves",
        ours="two",
        reason="the paper trains engagement and satisfaction; with one task nothing is shared",
        dense=512 * 256 + 256 + 256 * 128 + 128,
    ),
    Correction(
        ("ncf",),
        published="user and item vectors of the matrix factorization are added",
        ours="they are multiplied",
        reason="the paper's product",
    ),
    Correction(
        ("ncf",),
        published="64 outputs",
        ours="one logit of product and MLP",
        reason="the paper's output",
        dense=(128 + 1) - (128 * 64 + 64),
    ),
    Correction(
        ("ncf",),
        published="140,000 rows in both tables of the factorization, 28,000 in both of the MLP",
        ours="140,000 for users and 28,000 for items in either part",
        reason="both parts see the same users and items; the count has them either way",
    ),
    Correction(
        ("din", "dien"),
        published="two outputs",
        ours="one logit",
        reason="one click, one probability",
        dense=-(80 + 1),
    ),
    Correction(
        ("dien",),
        published="a tanh RNN over the behaviours",
        ours="a GRU",
        reason="the paper's interest extraction",
        dense=2 * (32 * 64 + 64 * 64 + 2 * 64),
    ),
    Correction(
        ("dien",),
        published="a linear layer of 64 and a softmax as gate",
        ours="the bilinear attention of interest and advertisement",
        reason="the paper's weights; without the advertisement nothing is targeted",
        dense=64 * 32 - (64 * 64 + 64),
    ),
    Correction(
        ("dien",),
        published="a second tanh RNN",
        ours="a GRU with attentional update gate",
        reason="the paper's interest evolution",
        dense=2 * (64 * 64 + 64 * 64 + 2 * 64),
    ),
    # DMR on Alibaba's display advertisements
    Correction(
        ("alidisplay_dmr",),
        published="a linear layer of 32 to 12,978 that nothing uses",
        ours="none",
        reason="it never gets a gradient",
        dense=-(32 * 12_978 + 12_978),
    ),
    Correction(
        ("alidisplay_dmr",),
        published="the output logit passes through a PReLU",
        ours="it does not",
        reason="a sigmoid's logit must be free; most are negative, where the slope is 0.1",
        dense=-1,
    ),
    Correction(
        ("alidisplay_dmr",),
        published="user vectors at all 50 behaviours, with a slope of PReLU for each",
        ours="at the newest two, which alone are used, with one slope",
        reason="the paper's one nonlinearity; 48 of the slopes never get a gradient",
        dense=-49,
    ),
    Correction(
        ("alidisplay_dmr",),
        published="prices as they are, up to 10^8",
        ours="ln(1 + price)",
        reason="BatchNorm makes all others alike beside one such price",
    ),
    Correction(
        ("alidisplay_dmr",),
        published="padding counts in the sum of a history",
        ours="it counts nowhere",
        reason="the paper's sums are over behaviours",
    ),
    Correction(
        ("alidisplay_dmr",),
        published="the bias of the last layer of scores counts as a parameter that is learned",
        ours="it is there, and learns nothing: user_to_item.scores.rest.4.bias",
        reason="it adds the same to all scores, which the softmax takes off again",
    ),
    # DLRM's published benchmarks
    Correction(
        ("mlperf_dlrm_dcnv2",),
        published="batches of 65,536 over eight GPUs",
        ours="batches of 8192",
        reason="the share of one device",
    ),
    # DIN on Amazon Electronics
    Correction(
        ("amazon_din",),
        published="three item and three category tables, of history, target and tiled target",
        ours="one of each",
        reason="the paper's and its authors' code",
        embedding=-2 * (63_001 + 801) * 64,
    ),
    Correction(
        ("amazon_din",),
        published="the attention MLP's parameters are unknown to the optimizer",
        ours="they are trained",
        reason="layers registered under one name; the count has them either way",
    ),
    Correction(
        ("amazon_din", "amazon_dien", "amazon_bst"),
        published="histories padded to the longest of each batch, or of the file",
        ours="padded to 100, the newest kept",
        reason="static shapes",
    ),
    Correction(
        ("amazon_din", "amazon_dien"),
        published="a bias of the attention's scores",
        ours="none",
        reason="it adds the same to all scores, so it never gets a gradient",
        dense=-1,
    ),
    # DIEN on Amazon Electronics
    Correction(
        ("amazon_dien",),
        published="four item and four category tables, of history, target, tiled target, negatives",
        ours="one of each",
        reason="the paper's and its authors' code",
        embedding=-3 * (63_001 + 801) * 64,
    ),
    Correction(
        ("amazon_dien",),
        published="attention to embeddings, which scales the input of a second, plain GRU",
        ours="attention to the first GRU's states, in the update gate of the second",
        reason="the paper's interest evolution; the count has the same weights",
    ),
    Correction(
        ("amazon_dien",),
        published="an auxiliary loss that falls as both scores do, below zero without bound",
        ours="the cross-entropy of next items against negatives",
        reason="the paper's; a sign and a complement are missing",
    ),
    Correction(
        ("amazon_dien",),
        published="negatives from a pool of items of recent histories",
        ours="from all items that the user did not review",
        reason="the paper's; a pool depends on the order of reading",
    ),
    Correction(
        ("amazon_dien",),
        published="the state after the padding, which takes part in the auxiliary loss too",
        ours="the state at the end of the history, and padding nowhere",
        reason="the paper's sums and steps are over behaviours",
    ),
    # BST on Amazon Electronics
    Correction(
        ("amazon_bst",),
        published="tables of items, categories and positions, of history and target apart",
        ours="one of each",
        reason="the paper's sequence is history and target, embedded alike",
        embedding=-(63_001 + 801 + 5_001) * 96,
    ),
    Correction(
        ("amazon_bst",),
        published="positions that come with the data, all zero in the files that are downloaded",
        ours="days before the target, at most 5,000",
        reason="the paper's time differences",
    ),
    Correction(
        ("amazon_bst",),
        published="no LayerNorm",
        ours="after attention and after the feed-forward layers",
        reason="the paper's; the option that places it is read from another option's value",
        dense=2 * (288 + 288),
    ),
    Correction(
        ("amazon_bst",),
        published="attention scores as they are, padding's among them",
        ours="scaled by 1 / √48, and none of padding",
        reason="the paper's scaled dot product, over behaviours",
    ),
    Correction(
        ("amazon_bst",),
        published="keys with a bias",
        ours="without",
        reason="it adds the same to all scores, so it never gets a gradient",
        dense=-288,
    ),
    Correction(
        ("amazon_bst",),
        published="an MLP at each position, the user's included, and the sum of its logits",
        ours="one MLP of the user and the transformer's output at the target",
        reason="the paper concatenates them",
        dense=288 * 1024 - 1,
    ),
    # DPIN on KDD Cup 2012
    Correction(
        ("kdd_dpin",),
        published="a user table that nothing reads, an item's vector of ad and advertiser alone",
        ours="users, hashed to the 455,565 rows of that table, are part of it",
        reason="the paper's base module is of user, context and item",
        dense=8 * 1024,
    ),
    Correction(
        ("kdd_dpin",),
        published="clicks weighted by an MLP of themselves, for each of 16 dimensions apart",
        ours="one weight a click, by an MLP of the click and the current advertiser",
        reason="the paper's attention, whose query is the current context",
        dense=(24 * 16 + 16 + 16 + 1) - 2 * (16 * 16 + 16),
    ),
    Correction(
        ("kdd_dpin",),
        published="padding takes part in the weighted sum of clicks",
        ours="it does not, and no clicks sum to zero",
        reason="the paper's sums are over behaviours",
    ),
    Correction(
        ("kdd_dpin",),
        published="a position's vector begins with its embedding and its clicks",
        ours="and with the current advertiser",
        reason="the paper's context",
        dense=8 * 64,
    ),
    Correction(
        ("kdd_dpin",),
        published="blocks use their first layer norm twice and never the second",
        ours="both are used, and trained",
        reason="a slip; the count has both",
    ),
    Correction(
        ("kdd_dpin",),
        published="the oldest ten clicks at a position",
        ours="the newest ten",
        reason="a slip: the list is cut at its end",
    ),
    # BERT4Rec on Amazon Beauty
    Correction(
        ("beauty_bert4rec",),
        published="an embedding of segments, of which there is one",
        ours="none",
        reason="the paper's input is item and position",
        embedding=-2 * 64,
    ),
    Correction(
        ("beauty_bert4rec",),
        published="as many masked places as there are, up to 30 of a sequence",
        ours="up to 8, in 8 slots",
        reason="static shapes",
    ),
    Correction(
        ("beauty_bert4rec",),
        published="sequences of more than 50 items cut into windows",
        ours="their newest 50",
        reason="one way for all models with histories",
    ),
    Correction(
        ("beauty_bert4rec",),
        published="AdamW at a rate of 0.0001",
        ours="AdamW at 0.001",
        reason="at 0.0001 hundreds of steps learn little more than how popular items are",
    ),
    Correction(
        ("beauty_bert4rec",),
        published="all weights begin with a deviation of 0.02",
        ours="Xavier's in linear layers, 0.1 in the items' table",
        reason="at 0.02 next to nothing of the other items reaches a masked place, and the first "
        "hundred steps make all items look alike",
    ),
    Correction(
        ("beauty_bert4rec",),
        published="layer norms with an epsilon of 1e-12",
        ours="of 1e-5",
        reason="PyTorch's default; variances of what is normalised are far above both",
    ),
    Correction(
        ("beauty_bert4rec",),
        published="in the paper a softmax over the items",
        ours="over every row of their table, those of padding and of the mask too",
        reason="as in the authors' code, where the output shares the table of the input",
    ),
    Correction(
        ("beauty_bert4rec",),
        published="biases of the keys count as parameters that are learned",
        ours="they are there, and learn nothing: the middle third of each block's projections.bias",
        reason="they add the same to all scores of a query, which the softmax takes off again",
    ),
)


def corrections_of(model: str) -> tuple[Correction, ...]:
    """The corrections of one model."""
    return tuple(found for found in CORRECTIONS if model in found.models)
