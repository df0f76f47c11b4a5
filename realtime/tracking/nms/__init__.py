"""People who were found twice become one: ways to do it, by the words of --pose-nms."""

from collections.abc import Callable

from engines.types.poses import Poses
from realtime.settings.tracking import PoseNms
from realtime.tracking.nms.parametric_nms import eliminate_duplicates
from realtime.tracking.nms.pose_nms import suppress_duplicates

NMS: dict[PoseNms, Callable[[Poses], Poses]] = {
    "ours": suppress_duplicates,
    "rmpe": eliminate_duplicates,
    "off": lambda poses: poses,
}
