"""Who a node is, or why it does not say."""

from __future__ import annotations

import time

from realtime.nodes.key import ENVIRONMENT, Envelope, OtherProtocol, Refused
from realtime.nodes.questions import (
    ABOUT,
    ANY,
    WRONG_KEY,
    About,
    nonce,
    program,
    read_about,
    topic,
)
from realtime.nodes.session import Session
from realtime.types.errors import SourceError, Unreachable

FIND_SECONDS = 1.5  # in which a node of that name is heard of
NAMESAKE_SECONDS = 0.3  # more, in which another one is
OTHER_KEY = (
    "its key is another one; give both computers the same --key-file, or the same "
    f"{ENVIRONMENT} in the environment."
)


def find(session: Session, node: str, camera: str, envelope: Envelope) -> About:
    """What a node with this camera is, or the only one (ANY).

    Unreachable where there is none, SourceError where it does not fit.
    """
    began = time.monotonic()
    found = _ask_about(session, node, envelope)
    while not found and time.monotonic() - began < FIND_SECONDS:
        time.sleep(FIND_SECONDS / 15)
        found = _ask_about(session, node, envelope)
    if found and node != ANY:
        time.sleep(NAMESAKE_SECONDS)
        found += _ask_about(session, node, envelope)
    if not found:
        raise Unreachable(
            f"no node called {node} was found; name its address instead, as in "
            f"stream://HOST:PORT/{camera}, or check that it runs with --publish."
        )
    nodes = [one for one in found if isinstance(one, About)]
    if not nodes:
        raise SourceError(next(one for one in found if isinstance(one, str)))
    if len({one.session for one in nodes}) > 1:
        raise SourceError(
            f"two nodes are called {node}; give one of them another name with --node NAME."
        )
    if camera not in nodes[0].rates:
        raise SourceError(f"node {nodes[0].node} has the cameras {', '.join(nodes[0].rates)}.")
    return nodes[0]


def _ask_about(session: Session, node: str, envelope: Envelope) -> list[About | str]:
    """What the nodes that answer are, or why one does not."""
    question = nonce()
    answers: list[About | str] = []
    for at, text in session.ask(topic(node, ABOUT), envelope.seal(ABOUT, question)):
        try:
            if at is not None:
                answers.append(read_about(envelope.open(at, text), question))
            elif text == WRONG_KEY:
                answers.append(OTHER_KEY)
            else:
                answers.append(_other_version(text.decode(errors="replace")[:80]))
        except OtherProtocol:
            answers.append(_other_version("another version"))
        except Refused:
            answers.append(OTHER_KEY)
        except ValueError:
            answers.append("it answers what no node answers; check the address.")
    return answers


def _other_version(theirs: str) -> str:
    return (
        f"it runs {theirs}, and this is {program()}, which cannot read its messages; install the "
        "same version on both."
    )
