"""Networks as torch modules, by the names that model cards use. Named as text, so that cards are
read without torch.

Those of NETWORKS that are not in CROP_NETWORKS are made with the numbers of their maps, K + 1 and
2L; they take (N, 3, H, W) pictures and give (N, K + 1, h, w) confidence maps, the background's
last, and (N, 2L, h, w) affinity fields; `stages` gives those of every stage, in lists, which
training wants. CROP_NETWORKS: with the kind of decoder that each is for; how they are made says
single_person/__init__.py.
"""

_HEADS = "engines.networks.single_person.on_resnet"
_HOURGLASS = "engines.networks.single_person.hourglass"
_HRNET = "engines.networks.single_person.hrnet"
CROP_NETWORKS = {
    "simple-baselines-r50": (f"{_HEADS}:simple_baselines_50", "heatmap"),
    "simple-baselines-r101": (f"{_HEADS}:simple_baselines_101", "heatmap"),
    "simple-baselines-r152": (f"{_HEADS}:simple_baselines_152", "heatmap"),
    "hourglass-2": (f"{_HOURGLASS}:hourglass_2", "heatmap"),
    "hourglass-4": (f"{_HOURGLASS}:hourglass_4", "heatmap"),
    "hourglass-8": (f"{_HOURGLASS}:hourglass_8", "heatmap"),
    "cpm": ("engines.networks.single_person.cpm:ConvolutionalPoseMachines", "heatmap"),
    "hrnet-w32": (f"{_HRNET}:hrnet_w32", "heatmap"),
    "hrnet-w48": (f"{_HRNET}:hrnet_w48", "heatmap"),
    "cpn-r50": ("engines.networks.single_person.cpn:CascadedPyramid", "heatmap"),
    "mspn-2": ("engines.networks.single_person.mspn:mspn_2", "heatmap"),
    "mspn-4": ("engines.networks.single_person.mspn:mspn_4", "heatmap"),
    "deeppose-r50": (f"{_HEADS}:DeepPose", "regression"),
    "simcc-r50": (f"{_HEADS}:SimCC", "simcc"),
}
NETWORKS = {
    "pafnet": "engines.networks.pafnet:PafNet",
    "openpose-cvpr17": "engines.networks.openpose:Cvpr17",
    "openpose-tpami19": "engines.networks.openpose:Tpami19",
} | {name: place for name, (place, _) in CROP_NETWORKS.items()}
