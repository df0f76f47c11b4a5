"""Networks of one person, from the papers: made with the shapes that their decoder needs of a crop
(by the decoder's names) and the (width, height) of the crop.

Modules are named as in the published PyTorch releases, whose state dicts load (see published.py).
"""
