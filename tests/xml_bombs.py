"""XML documents that no reader may open up, in every encoding that an XML parser may know."""

from __future__ import annotations

LAUGHS = "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10)
)  # 10^9 times "ha"
DOCUMENTS = {
    "billion laughs": f"<!DOCTYPE a [{LAUGHS}]><a>&l9;</a>",
    "an entity of a file": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "an entity of a parameter": '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:9/"> %b;]><a/>',
    "a DTD elsewhere": '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
    "a DTD alone": "<!DOCTYPE a><a/>",
}
ENCODINGS = {  # name in the document, and what is written: with a byte-order mark and without
    "utf-8": ("UTF-8", "utf-8"),
    "utf-8 with a mark": ("UTF-8", "utf-8-sig"),
    "utf-16": ("UTF-16", "utf-16"),
    "utf-16 of one order": ("UTF-16", "utf-16-be"),
    "utf-32": ("UTF-32", "utf-32"),
    "utf-32 of one order": ("UTF-32", "utf-32-le"),
}
BOMBS = {
    f"{what}, {how}": f'<?xml version="1.0" encoding="{said}"?>{text}'.encode(written)
    for what, text in DOCUMENTS.items()
    for how, (said, written) in ENCODINGS.items()
}
