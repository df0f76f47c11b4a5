"""An RTSP server that nobody here wrote, GStreamer's, as a program of its own.

    /usr/bin/python3 tests/gstreamer_server.py --codec h264 --gop 250 [--b-frames 2] [--audio]
        [--login basic|digest] [--protocol tcp|udp] [--port 0] [--numbered]

Prints its port once it listens, and serves rtsp://127.0.0.1:PORT/live. It runs with the system's
Python, which has GObject's bindings: on Debian gir1.2-gst-rtsp-server-1.0, python3-gi and
GStreamer's plugins (base, good, bad, ugly, libav). Each viewer gets a stream that begins with a key
picture, as from most cameras. With --numbered pictures show when they were taken, see `Numbered`.
"""

from __future__ import annotations

import argparse
import threading
import time
from typing import Any

RATE = 30
WIDTH, HEIGHT = 320, 240
BITS = 8  # stripes of a numbered picture, as tests/cameras.py reads them
USER, PASSWORD = "reader", "open sesame"
ENCODERS = {
    "h264": "x264enc speed-preset=ultrafast key-int-max={gop} bframes={b} {tune} ! h264parse "
    "! rtph264pay name=pay0 pt=96 config-interval=-1",
    "h265": "x265enc speed-preset=ultrafast key-int-max={gop} {tune} ! h265parse "
    "! rtph265pay name=pay0 pt=96 config-interval=-1",
    "mjpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
}
SOUND = (
    "audiotestsrc is-live=true wave=silence ! audioconvert ! alawenc ! rtppcmapay name=pay1 pt=8"
)


def launch_line(codec: str, gop: int, b_frames: int, audio: bool, numbered: bool) -> str:
    """What GStreamer is to run for a viewer."""
    tune = "" if b_frames else "tune=zerolatency"
    encoder = ENCODERS[codec].format(gop=gop, b=b_frames, tune=tune)
    picture = f"video/x-raw,width={WIDTH},height={HEIGHT},framerate={RATE}/1,format=I420"
    line = f"videotestsrc is-live=true ! {picture} ! {encoder}"
    if numbered:
        line = (
            "appsrc name=film is-live=true do-timestamp=true format=time max-buffers=2 "
            f"leaky-type=downstream caps={picture} ! {encoder}"
        )
    return f"( {line} {SOUND if audio else ''} )"


class Numbered:
    """Films pictures that show the lowest bits of their number, black and white: it is the time of
    the system's monotonic clock, which all programs share, in pictures of RATE a second.
    """

    def __init__(self, gst: Any, media: Any) -> None:
        self._gst = gst
        self._source = media.get_element().get_by_name("film")
        self._over = threading.Event()
        media.connect("unprepared", lambda _: self._over.set())
        threading.Thread(target=self._film, daemon=True).start()

    def _film(self) -> None:
        number = int(time.monotonic() * RATE)
        while not self._over.is_set():
            number += 1
            time.sleep(max(0.0, number / RATE - time.monotonic()))
            # Not taken before the stream is asked for.
            self._source.emit("push-buffer", self._gst.Buffer.new_wrapped(self._picture(number)))

    def _picture(self, number: int) -> bytes:
        wide = WIDTH // BITS
        row = b"".join(bytes([235 if number >> bit & 1 else 20]) * wide for bit in range(BITS))
        return row * HEIGHT + bytes([128]) * (WIDTH * HEIGHT // 2)


def guard(gst: Any, rtsp: Any, server: Any, factory: Any, digest: bool) -> Any:
    """What lets in only those who know the password."""
    auth = server.RTSPAuth()
    methods = rtsp.RTSPAuthMethod
    auth.set_supported_methods(methods.DIGEST if digest else methods.BASIC)
    role = gst.Structure.new_from_string(
        "reader,media.factory.access=(boolean)true,media.factory.construct=(boolean)true"
    )
    factory.add_role_from_structure(role)
    token = server.RTSPToken()
    token.set_string("media.factory.role", "reader")
    if digest:
        auth.add_digest(USER, PASSWORD, token)
    else:
        auth.add_basic(server.RTSPAuth.make_basic(USER, PASSWORD), token)
    return auth


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--codec", choices=sorted(ENCODERS), default="h264")
    parser.add_argument("--gop", type=int, default=250)
    parser.add_argument("--b-frames", type=int, default=0)
    parser.add_argument("--audio", action="store_true")
    parser.add_argument("--login", choices=("basic", "digest"))
    parser.add_argument("--protocol", choices=("tcp", "udp"), default="tcp")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--numbered", action="store_true")
    wanted = parser.parse_args()

    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtsp", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(wanted.port))
    factory = GstRtspServer.RTSPMediaFactory()
    kind = (wanted.codec, wanted.gop, wanted.b_frames, wanted.audio, wanted.numbered)
    factory.set_launch(launch_line(*kind))
    if wanted.numbered:
        factory.connect("media-configure", lambda _, media: Numbered(Gst, media))
    lower = GstRtsp.RTSPLowerTrans
    factory.set_protocols(lower.TCP if wanted.protocol == "tcp" else lower.UDP)
    if wanted.login:
        digest = wanted.login == "digest"
        server.set_auth(guard(Gst, GstRtsp, GstRtspServer, factory, digest))
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
