"""Network cameras to test with, on the loopback: RTSP (H.264 in RTP over TCP), and over HTTP MJPEG
or MPEG-TS. They can be killed, frozen and restarted, and remember when they sent what."""

from __future__ import annotations

import base64
import itertools
import select
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Self

import cv2  # before av
import numpy as np

import av  # isort: skip
from engines.types.arrays import Image
from tests.waiting import PATIENCE

BITS = 8  # stripes of a picture: it shows its own number, black and white
COUNT = 1 << BITS
GOP = 8
MTU = 1200


def numbered(number: int, size: tuple[int, int]) -> Image:
    """A picture that shows the lowest BITS bits of its number."""
    wide, high = size
    image = np.zeros((high, wide, 3), np.uint8)
    for bit, stripe in enumerate(np.array_split(np.arange(wide), BITS)):
        image[:, stripe] = 235 if number >> bit & 1 else 20
    return image


def number_of(image: Image) -> int:
    """What a picture shows."""
    stripes = np.array_split(image[image.shape[0] // 2], BITS)
    return sum(int(stripe.mean() > 128) << bit for bit, stripe in enumerate(stripes))


def h264(size: tuple[int, int]) -> list[bytes]:
    """COUNT pictures as Annex B; each GOP begins with its parameter sets."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.framerate = "yuv420p", 30
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": f"keyint={GOP}"}
    packets = [
        bytes(packet)
        for number in range(COUNT)
        for packet in encoder.encode(av.VideoFrame.from_ndarray(numbered(number, size), "bgr24"))
    ]
    assert len(packets) == COUNT
    return packets


def jpegs(size: tuple[int, int]) -> list[bytes]:
    return [cv2.imencode(".jpg", numbered(n, size))[1].tobytes() for n in range(COUNT)]


def mpegts(size: tuple[int, int]) -> list[bytes]:
    """COUNT pictures as pieces of one transport stream."""
    pieces: list[bytes] = []

    class Sink:
        def write(self, data: bytes) -> int:
            pieces.append(bytes(data))
            return len(data)

    with av.open(Sink(), "w", format="mpegts", container_options={"flush_packets": "1"}) as out:
        stream = out.add_stream("libx264", rate=30)
        stream.width, stream.height = size
        stream.options = {"tune": "zerolatency", "x264-params": f"keyint={GOP}"}
        chunks: list[bytes] = []
        for number in range(COUNT):
            picture = av.VideoFrame.from_ndarray(numbered(number, size), "bgr24")
            out.mux(stream.encode(picture))
            chunks.append(b"".join(pieces))
            pieces.clear()
    return chunks


class NetworkCamera(socketserver.ThreadingTCPServer):
    """A camera that films all the time; a context manager, restarted on the same port by `start`.

    sent: picture count -> when it was last sent. user: "name:password" that it wants.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    scheme = "http"
    encode: Callable[[tuple[int, int]], list[bytes]] = staticmethod(jpegs)

    def __init__(
        self, fps: float = 30, user: str | None = None, size: tuple[int, int] = (128, 96)
    ) -> None:
        self.fps, self.user = fps, user
        self.pictures = type(self).encode(size)
        self.due: dict[int, float] = {}  # by count, when its picture is taken
        self.sent: dict[int, float] = {}  # and when it had been sent
        self.clients: set[socket.socket] = set()
        self.served = 0
        self.thawed = threading.Event()
        self.thawed.set()
        self.began = time.monotonic()
        self.port = 0
        self.thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def url(self, user: str = "", path: str = "live") -> str:
        return f"{self.scheme}://{user + '@' if user else ''}127.0.0.1:{self.port}/{path}"

    def start(self) -> None:
        super().__init__(("127.0.0.1", self.port), type(self).Handler)
        self.port = self.server_address[1]
        self.thawed.set()
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def kill(self) -> None:
        """Gone, with all connections."""
        if self.thread is None:
            return
        self.shutdown()
        self.thread.join(PATIENCE)
        self.thread = None
        self.server_close()
        for client in list(self.clients):
            with suppress(OSError):  # it hung up first
                client.shutdown(socket.SHUT_RDWR)
        self.thawed.set()

    def freeze(self) -> None:
        """Nothing is sent or answered any more, but every connection stays."""
        self.thawed.clear()

    def thaw(self) -> None:
        self.thawed.set()

    def film(self) -> Iterator[tuple[int, bytes]]:
        """Counts and pictures as they are taken, from a key picture on."""
        first = -(-int((time.monotonic() - self.began) * self.fps) // GOP) * GOP
        for count in itertools.count(first):
            self.due[count] = self.began + count / self.fps
            time.sleep(max(0.0, self.due[count] - time.monotonic()))
            self.thawed.wait(PATIENCE)
            yield count, self.pictures[count % COUNT]
            self.sent[count] = time.monotonic()

    def newest(self, number: int) -> int:
        """The count of the latest picture that shows this number."""
        return max(count for count in list(self.due) if count % COUNT == number)

    def welcome(self, header: str | None) -> bool:
        if self.user is None:
            return True
        return header == "Basic " + base64.b64encode(self.user.encode()).decode()

    def handle_error(self, *who: object) -> None:
        pass  # a client that hung up

    class Handler(socketserver.StreamRequestHandler):
        server: NetworkCamera

        def setup(self) -> None:
            super().setup()
            self.server.clients.add(self.request)
            self.server.served += 1

        def finish(self) -> None:
            self.server.clients.discard(self.request)
            with suppress(OSError):
                super().finish()

        def request_of(self) -> tuple[str, str, dict[str, str]] | None:
            """Method, address and header fields of the next request."""
            line = self.rfile.readline().decode().split()
            if len(line) < 2:
                return None
            fields = {}
            while field := self.rfile.readline().decode().strip():
                key, _, value = field.partition(":")
                fields[key.lower()] = value.strip()
            self.server.thawed.wait(PATIENCE)
            return line[0], line[1], fields

        def send(self, data: bytes) -> None:
            self.wfile.write(data)
            self.wfile.flush()

        def handle(self) -> None:
            request = self.request_of()
            if request is None:
                return
            _, path, fields = request
            if not self.server.welcome(fields.get("authorization")):
                self.send(b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="camera"\r\n\r\n')
            elif path.rpartition("/")[2] != "live":
                self.send(b"HTTP/1.1 404 No\r\n\r\n")
            else:
                self.stream()

        def stream(self) -> None:
            self.send(
                b"HTTP/1.1 200 OK\r\n"
                b"Content-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
            )
            for _, picture in self.server.film():
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}"
                self.send(head.encode() + b"\r\n\r\n" + picture + b"\r\n")


class TransportCamera(NetworkCamera):
    """MPEG-TS over HTTP, from its beginning for every client, up to COUNT pictures."""

    encode = staticmethod(mpegts)

    class Handler(NetworkCamera.Handler):
        def stream(self) -> None:
            self.send(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
            began = time.monotonic()
            for count, piece in enumerate(self.server.pictures):
                self.server.due[count] = began + count / self.server.fps
                time.sleep(max(0.0, self.server.due[count] - time.monotonic()))
                self.server.thawed.wait(PATIENCE)
                self.send(piece)
                self.server.sent[count] = time.monotonic()


class RtspCamera(NetworkCamera):
    """RTSP with RTP interleaved, or over UDP alone; the other is refused."""

    scheme = "rtsp"
    udp = False
    encode = staticmethod(h264)

    class Handler(NetworkCamera.Handler):
        server: RtspCamera
        to = 0

        def handle(self) -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as self.datagrams:
                self.converse()

        def converse(self) -> None:
            while (request := self.request_of()) is not None:
                method, address, fields = request
                status, body, more = "200 OK", "", ""
                if not self.server.welcome(fields.get("authorization")) and method != "OPTIONS":
                    status, more = "401 No", 'WWW-Authenticate: Basic realm="camera"\r\n'
                elif method == "OPTIONS":
                    more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
                elif method == "DESCRIBE" and not address.endswith("/live"):
                    status = "404 Not Found"
                elif method == "DESCRIBE":
                    body = (
                        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\n"
                        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                        "a=fmtp:96 packetization-mode=1\r\na=control:track\r\n"
                    )
                    more = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
                elif method == "SETUP":
                    wanted = fields["transport"]
                    if ("interleaved" in wanted) == self.server.udp or "multicast" in wanted:
                        status = "461 Unsupported Transport"
                    elif self.server.udp:
                        self.to = int(wanted.partition("client_port=")[2].partition("-")[0])
                        wanted += ";server_port=40000-40001"
                    more = f"Transport: {wanted}\r\nSession: 1\r\n"
                head = f"RTSP/1.0 {status}\r\nCSeq: {fields.get('cseq', '0')}\r\n{more}\r\n"
                self.send((head + body).encode())
                if method == "PLAY":
                    self.play()
                    return

        def play(self) -> None:
            numbers = itertools.count()
            for count, picture in self.server.film():
                stamp = round(count / self.server.fps * 90000) & 0xFFFFFFFF
                for payload, last in packets(picture):
                    head = bytes([0x80, 96 | last << 7])
                    head += (next(numbers) & 0xFFFF).to_bytes(2, "big") + stamp.to_bytes(4, "big")
                    packet = head + b"\0\0\0\1" + payload
                    if self.server.udp:
                        self.datagrams.sendto(packet, ("127.0.0.1", self.to))
                    else:
                        self.send(b"$\0" + len(packet).to_bytes(2, "big") + packet)
                if select.select([self.request], [], [], 0)[0]:
                    self.request.recv(4096)  # TEARDOWN, or reports


def packets(picture: bytes) -> Iterator[tuple[bytes, bool]]:
    """RTP payloads of an Annex B picture (RFC 6184), and whether each is its last."""
    units = [u.rstrip(b"\0") for u in picture.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if u]
    for place, unit in enumerate(units):
        final = place == len(units) - 1
        if len(unit) <= MTU:
            yield unit, final
            continue
        parts = [unit[n : n + MTU] for n in range(1, len(unit), MTU)]
        for n, part in enumerate(parts):
            ends = n == len(parts) - 1
            mark = (n == 0) << 7 | ends << 6 | unit[0] & 0x1F
            yield bytes([unit[0] & 0xE0 | 28, mark]) + part, final and ends
