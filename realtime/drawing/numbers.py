"""Numbers beside the people of a picture, where there is room for them."""

from __future__ import annotations

import cv2
import numpy as np

from engines.types.arrays import Image
from engines.types.oks import boxes
from realtime.drawing.skeletons import CAPITAL_HEIGHT_PX, FONT
from realtime.types.joint_angles import joint_angles, joints
from realtime.types.results import Tracks

FULL_SCALE_PX = 1200  # shorter side of a picture at which text has scale 1
MIN_CAPITAL_PX = 8  # height of capitals that can still be read
LIMB_ROOM = 1.2  # widths of an angle's text that both limbs of the joint must be long


class Numbers:
    """Writes into a picture, nothing over what it wrote before. line_px: height of its capitals."""

    def __init__(self, out: Image) -> None:
        self.out = out
        self._scale = max(MIN_CAPITAL_PX / CAPITAL_HEIGHT_PX, min(out.shape[:2]) / FULL_SCALE_PX)
        self.line_px = cv2.getTextSize("0", FONT, self._scale, 1)[0][1]
        self._taken = np.zeros((0, 4))

    def width(self, text: str) -> int:
        """Pixels."""
        return int(cv2.getTextSize(text, FONT, self._scale, 1)[0][0])

    def write(self, text: str, left: float, foot: float) -> bool:
        """White on black, to be read on anything; False where it would cover other text, or leave
        the picture.
        """
        x, y, pad = round(left), round(foot), max(1, self.line_px // 4)
        box = np.array([x - pad, y - self.line_px - pad, x + self.width(text) + pad, y + pad])
        height, width = self.out.shape[:2]
        if x < 0 or y < self.line_px or box[2] - pad > width or y > height:
            return False
        apart = (self._taken[:, :2] >= box[2:]) | (self._taken[:, 2:] <= box[:2])
        if not apart.any(axis=1).all():
            return False
        self._taken = np.vstack([self._taken, box])
        for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(self.out, text, (x, y), FONT, self._scale, colour, thickness, cv2.LINE_AA)
        return True

    def write_under(self, text: str, left: float, right: float, foot: float) -> bool:
        """In the middle between left and right, moved into the picture where it would leave it."""
        height, width = self.out.shape[:2]
        wide = self.width(text)
        x = np.clip((left + right - wide) / 2, 0, max(0, width - wide))
        y = np.clip(foot, self.line_px, max(self.line_px, height - self.line_px / 2))
        return self.write(text, float(x), float(y))


def write_angles(numbers: Numbers, tracks: Tracks) -> None:
    """Each person's speed under the feet in px/s, and the angle of each joint beside it in degrees
    where its limbs are long enough for that; those of the largest people first.
    """
    xy = np.clip(tracks.poses.xy, -1e4, 1e4)
    corners = boxes(xy)
    order = np.argsort(corners[:, 1] - corners[:, 3], kind="stable").tolist()
    if tracks.speed is not None:
        for person in order:
            speed, (left, _, right, bottom) = float(tracks.speed[person]), corners[person].tolist()
            if speed == speed and left == left:
                foot = bottom + 2.5 * numbers.line_px
                numbers.write_under(f"{speed:.0f} px/s", left, right, foot)
    parts = np.array(list(joints(tracks.poses.skeleton).values()), np.intp).reshape(-1, 3)
    angles = joint_angles(tracks.poses)
    middle = xy[:, parts[:, 1]]
    limbs = np.linalg.norm(xy[:, parts[:, ::2]] - middle[:, :, None], axis=-1).min(axis=-1)
    for person in order:
        for joint in np.flatnonzero(~np.isnan(angles[person])).tolist():
            text = f"{angles[person, joint]:.0f}"
            if limbs[person, joint] >= LIMB_ROOM * numbers.width(text):
                x, y = middle[person, joint].tolist()
                numbers.write(text, x + 0.6 * numbers.line_px, y)
