"""Networks as torch modules, by the names that model cards use.

Made with the numbers of its maps, K + 1 and 2L, a module takes (N, 3, H, W) pictures and gives
(N, K + 1, h, w) confidence maps, the background's last, and (N, 2L, h, w) affinity fields; its
`stages` gives those of every stage, in lists, which training wants. Named as text, so that cards
are read without torch.
"""

NETWORKS = {
    "pafnet": "engines.networks.pafnet:PafNet",
    "openpose-cvpr17": "engines.networks.openpose:Cvpr17",
    "openpose-tpami19": "engines.networks.openpose:Tpami19",
}
