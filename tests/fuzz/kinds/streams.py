"""Network cameras that send damaged pictures, containers, answers and RTP packets."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from random import Random

import cv2  # noqa: F401 - before av

from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.types.errors import SourceError
from tests.cameras import h264, jpegs, mpegts, packets
from tests.fuzz.kinds.broken import BrokenServer
from tests.fuzz.mutate import damage, scramble
from tests.fuzz.worker import check_sentence

SIZE = 64, 48
PICTURES = 24
MOST = 40  # frames that are looked at
SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track\r\n"
)
TYPES = (
    *("multipart/x-mixed-replace; boundary=frame", "video/mp2t", "application/vnd.apple.mpegurl"),
    *("multipart/x-mixed-replace", "multipart/x-mixed-replace; boundary=", "text/html", ""),
)
LIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\n/a.ts\n"


class Kind:
    share = 300
    limit = 40.0  # ANSWER_SECONDS, then FREEZE_SECONDS or UNDECODABLE_SECONDS
    speaks = r".* was lost: .*|.* is back after .*"  # the log

    def __init__(self, folder: Path) -> None:
        self._server = BrokenServer()
        self._jpegs = [
            f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(one)}\r\n\r\n".encode()
            + one
            + b"\r\n"
            for one in jpegs(SIZE)[:PICTURES]
        ]
        self._transport = b"".join(mpegts(SIZE)[:PICTURES])
        self._h264 = h264(SIZE)[:PICTURES]

    def case(self, rng: Random) -> bool:
        server = self._server
        # Waiting for one that hangs takes seconds of the program's own, so that is seldom.
        server.hold = 3.0 if rng.random() < 0.1 else 0.0
        if rng.random() < 0.5:
            scheme, server.replies = "http", 1
            server.answers = [self._http(rng)]
        else:
            scheme, server.replies = "rtsp", 4
            server.answers = self._rtsp(rng)
        address = f"{scheme}://127.0.0.1:{server.port}/live{rng.choice(('', '', '.m3u8'))}"
        patience = 0.3 if rng.random() < 0.2 else 0  # with some it is connected again
        given = 0
        try:
            with open_source(SourceSettings(address, give_up=patience)) as source:
                for frame in islice(source, MOST):
                    given += frame.image.size > 0
        except SourceError as error:  # the end that all of them have
            check_sentence(str(error))
        return given > 0

    def _http(self, rng: Random) -> bytes:
        kind = rng.choice(TYPES[:2] if rng.random() < 0.7 else TYPES)
        if "multipart" in kind:
            pieces = list(self._jpegs)
            for _ in range(rng.randint(0, 4)):
                at = rng.randrange(len(pieces))
                pieces[at] = damage(rng, pieces[at])
            body = b"".join(pieces)
        elif "mpegurl" in kind:
            body = scramble(rng, LIST).encode(errors="surrogatepass")
        else:
            body = damage(rng, self._transport)
        status = rng.choice(("200 OK",) * 8 + ("302 Found\r\nLocation: /live", "401 No", "500 x"))
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n\r\n".encode()
        return (damage(rng, head) if rng.random() < 0.1 else head) + body

    def _rtsp(self, rng: Random) -> list[bytes]:
        """OPTIONS, DESCRIBE, SETUP, PLAY with the pictures behind it."""
        description = scramble(rng, SDP) if rng.random() < 0.4 else SDP
        length = len(description.encode(errors="surrogatepass"))
        setup = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
        answers = [
            "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n",
            f"Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{description}",
            f"{scramble(rng, setup) if rng.random() < 0.2 else setup}\r\n",
            "\r\n",
        ]
        heads = [f"RTSP/1.0 200 OK\r\nCSeq: {n}\r\n" for n in range(1, 5)]
        whole = [
            (head + rest).encode(errors="surrogatepass")
            for head, rest in zip(heads, answers, strict=True)
        ]
        whole[3] += self._rtp(rng)
        if rng.random() < 0.3:
            at = rng.randrange(4)
            whole[at] = damage(rng, whole[at])
        return whole

    def _rtp(self, rng: Random) -> bytes:
        sent = bytearray()
        number = 0
        for count, picture in enumerate(self._h264):
            if rng.random() < 0.2:
                picture = damage(rng, picture)
            stamp = count * 3000 if rng.random() < 0.95 else rng.getrandbits(32)
            for payload, last in packets(picture):
                number += 1 if rng.random() < 0.97 else rng.randrange(65536)
                head = bytes([0x80, 96 | last << 7]) + (number & 0xFFFF).to_bytes(2, "big")
                packet = head + stamp.to_bytes(4, "big") + b"\0\0\0\1" + payload
                if rng.random() < 0.05:
                    packet = damage(rng, packet)[:65535]
                sent += b"$\0" + len(packet).to_bytes(2, "big") + packet
        return bytes(sent)

    def close(self) -> None:
        self._server.close()
