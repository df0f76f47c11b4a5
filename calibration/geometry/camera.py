"""Cameras and rigs of them: project, undistort, rays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import cv2
import numpy as np

from calibration.geometry.arrays import Doubles
from calibration.geometry.distortion import distort, distort_fisheye, undistort
from calibration.geometry.errors import RigError

DISTORTION_COUNTS = {0, 4, 5, 8, 12, 14}  # numbers of distortion coefficients that OpenCV knows
MAX_NUMBER = 1e12  # of a camera's numbers: powers of it must not overflow
# By which the axes of a scaled picture may differ: 1088 rows cut to 1080 are 0.7 %.
ASPECT_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A calibrated camera, float64, metres and pixels, pixel centres at whole numbers.

    size: (width, height) of the pictures that it was calibrated for.
    matrix: (3, 3) intrinsics without skew. distortion: 0, 4, 5, 8, 12 or 14 coefficients in
    OpenCV's order; 4 of a fisheye.
    rotation (3, 3), translation (3,): x_camera = rotation @ x_world + translation.
    RigError where the numbers make no camera.
    """

    name: str
    size: tuple[int, int]
    matrix: Doubles
    distortion: Doubles = field(default_factory=lambda: np.zeros(5))
    rotation: Doubles = field(default_factory=lambda: np.eye(3))
    translation: Doubles = field(default_factory=lambda: np.zeros(3))
    fisheye: bool = False

    def __post_init__(self) -> None:
        for name, shape in (("matrix", (3, 3)), ("rotation", (3, 3)), ("translation", (3,))):
            if getattr(self, name).shape != shape:
                raise self._error(
                    f"has a {name} of shape {getattr(self, name).shape}; it must be {shape}"
                )
        count = self.distortion.shape
        if (
            len(count) != 1
            or (count[0] not in DISTORTION_COUNTS)
            or (self.fisheye and count[0] != 4)
        ):
            raise self._error(f"has distortions of shape {count}, which fits no lens model")
        numbers = (self.matrix, self.distortion, self.rotation, self.translation)
        if not all(np.isfinite(one).all() for one in numbers):
            raise self._error("contains numbers that are not finite")
        if any(np.abs(one).max(initial=0) > MAX_NUMBER for one in numbers):
            raise self._error(f"contains numbers larger than {MAX_NUMBER:g}")
        m = self.matrix
        if m[0, 1] or m[1, 0] or m[2, 0] or m[2, 1] or m[2, 2] != 1:
            raise self._error("has a matrix that is not [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]")
        if not (m[0, 0] > 0 and m[1, 1] > 0 and min(self.size) > 0):
            raise self._error("needs a size and focal lengths above 0")
        off = np.abs(self.rotation @ self.rotation.T - np.eye(3)).max()
        if off > 1e-6 or np.linalg.det(self.rotation) < 0:
            raise self._error("has a rotation that is not a rotation matrix")

    def _error(self, what: str) -> RigError:
        return RigError(
            f"Camera {self.name} {what}; calibrate the camera again or correct its file."
        )

    @property
    def centre(self) -> Doubles:
        """(3,) where it stands in the world, metres."""
        return -self.translation @ self.rotation

    def project(self, points: Doubles) -> Doubles:
        """(..., 3) world points to (..., 2) pixels; NaN where they are not in front of it."""
        xy: Doubles = Rig((self,)).project(points)[0]
        return xy

    def normalise(self, xy: Doubles) -> Doubles:
        """(..., 2) pixels to (..., 2) undistorted x / z, y / z; NaN where the lens sees nothing."""
        undistorted = (xy - self.matrix[:2, 2]) / self.matrix.diagonal()[:2]
        if self.fisheye:
            return undistort(undistorted, self.distortion, fisheye=True)
        return undistort(undistorted, padded(self.distortion))

    def rays(self, xy: Doubles) -> Doubles:
        """(..., 2) pixels to (..., 3) unit directions in the world, from `centre`."""
        undistorted = self.normalise(xy)
        ahead = np.concatenate([undistorted, np.ones_like(undistorted[..., :1])], axis=-1)
        ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True)
        return ahead @ self.rotation

    def scale(self, size: tuple[int, int]) -> Doubles:
        """(2,) pixels of its pictures, where they have that size, to a pixel of the calibration.

        Where the shape differs by less than a hundredth the picture was cut off at the right or
        the lower edge, as video codecs do (1088 columns become 1080), rather than drawn out.
        RigError where it differs by more.
        """
        if tuple(size) == self.size:
            return np.ones(2)
        scale = np.array(size) / self.size
        if abs(scale[0] / scale[1] - 1) > ASPECT_TOLERANCE:
            raise RigError(
                f"Camera {self.name} was calibrated for {self.size[0]}x{self.size[1]} "
                f"pictures, but {size[0]}x{size[1]} pictures have another aspect ratio; "
                "calibrate it for this size."
            )
        one = 1.0 if 1 in scale else scale.max()
        if np.abs(one * np.array(self.size) - size).max() >= 1:  # more than rounding
            scale[:] = one
        return scale

    def from_picture(self, xy: Doubles, size: tuple[int, int]) -> Doubles:
        """(..., 2) pixels of a picture of another size to those of the calibration."""
        if tuple(size) == self.size:
            return np.asarray(xy, np.float64)
        # Pixel centres lie at whole numbers, so the picture's corner is at -0.5.
        return np.asarray((xy + 0.5) / self.scale(size) - 0.5, np.float64)

    def scaled(self, size: tuple[int, int]) -> Camera:
        """The same camera giving pictures of another size; RigError where the shape differs."""
        if size == self.size:
            return self
        scale = self.scale(size)
        matrix = self.matrix.copy()
        # Pixel centres lie at whole numbers, so the picture's corner is at -0.5.
        matrix[:2, 2] = (matrix[:2, 2] + 0.5) * scale - 0.5
        matrix[0, 0] *= scale[0]
        matrix[1, 1] *= scale[1]
        return replace(self, size=size, matrix=matrix)


def padded(distortion: Doubles) -> Doubles:
    """(14,) coefficients of a lens, those that it does not have as zeros."""
    return np.concatenate([distortion, np.zeros(14 - len(distortion))])


@dataclass(frozen=True, eq=False)
class Rig:
    """The V cameras of one world, by unique names."""

    cameras: tuple[Camera, ...]

    def __post_init__(self) -> None:
        names = [camera.name for camera in self.cameras]
        if not names or len(set(names)) < len(names):
            raise RigError("Every camera of a rig needs a name of its own; correct the rig file.")

    def __len__(self) -> int:
        return len(self.cameras)

    @cached_property
    def rotations(self) -> Doubles:
        """(V, 3, 3)"""
        return np.stack([camera.rotation for camera in self.cameras])

    @cached_property
    def translations(self) -> Doubles:
        """(V, 3)"""
        return np.stack([camera.translation for camera in self.cameras])

    @cached_property
    def centres(self) -> Doubles:
        """(V, 3)"""
        return np.stack([camera.centre for camera in self.cameras])

    @cached_property
    def focals(self) -> Doubles:
        """(V, 2)"""
        return np.stack([camera.matrix.diagonal()[:2] for camera in self.cameras])

    @cached_property
    def principals(self) -> Doubles:
        """(V, 2)"""
        return np.stack([camera.matrix[:2, 2] for camera in self.cameras])

    @cached_property
    def _lenses(self) -> tuple[tuple[list[int], Doubles, bool], ...]:
        """Cameras of one model together: their places, their (C, 14) or (C, 4) numbers, fisheye.

        Those without distortion are left out.
        """
        groups = []
        for fisheye in (False, True):
            at = [
                n
                for n, camera in enumerate(self.cameras)
                if camera.fisheye is fisheye and (fisheye or camera.distortion.any())
            ]
            if at:
                own = [self.cameras[n].distortion for n in at]
                groups.append((at, np.stack(own if fisheye else [padded(k) for k in own]), fisheye))
        return tuple(groups)

    def project(self, points: Doubles) -> Doubles:
        """(..., 3) world points to (V, ..., 2) pixels; NaN where not in front of a camera."""
        ideal = self.ideal(points.reshape(-1, 3).T).transpose(1, 2, 0)
        for at, k, fisheye in self._lenses:
            model = distort_fisheye if fisheye else distort
            ideal[at] = model(ideal[at], k[:, None])[0]
        pixels = ideal * self.focals[:, None] + self.principals[:, None]
        return pixels.reshape(len(self), *points.shape[:-1], 2)

    def linearise(self, points: Doubles) -> tuple[Doubles, Doubles]:
        """(N, 3) world points to (V, N, 2) pixels and their (V, N, 2, 3) derivative by the points;
        NaN where not in front of a camera.
        """
        ideal, slope = self.linearised(points.T)
        ideal, slope = ideal.transpose(1, 2, 0), slope.transpose(2, 3, 1, 0)
        for at, k, fisheye in self._lenses:
            model = distort_fisheye if fisheye else distort
            ideal[at], by_ideal = model(ideal[at], k[:, None])
            slope[at] = by_ideal @ slope[at]
        pixels = ideal * self.focals[:, None] + self.principals[:, None]
        return pixels, slope * self.focals[:, None, :, None]

    def ideal(self, points: Doubles) -> Doubles:
        """(3, N) world points to (2, V, N) undistorted (normalised) coordinates; NaN where not in
        front of a camera.
        """
        inside = self.inside(points)
        depth = inside[2]
        ahead = depth > 0
        if not ahead.all():
            depth = np.where(ahead, depth, np.nan)
        return np.asarray(inside[:2] / depth, np.float64)

    def linearised(self, points: Doubles) -> tuple[Doubles, Doubles]:
        """(3, N) world points to (2, V, N) undistorted (normalised) coordinates and (3, 2, V, N),
        their derivative by the points; NaN where not in front of a camera. Components come first,
        so that numpy works on long rows.
        """
        inside = self.inside(points)
        depth = inside[2]
        ahead = depth > 0
        if not ahead.all():
            depth = np.where(ahead, depth, np.nan)
        inverse = 1 / depth
        ideal = inside[:2] * inverse
        # d(ideal) / d(inside) is [[1/z, 0, -x/z^2], [0, 1/z, -y/z^2]].
        turn = self.turns
        return ideal, (turn[:, :2] - ideal * turn[:, 2:]) * inverse

    def pixels_by_ideal(self, undistorted: Doubles) -> Doubles:
        """(2, 2, V, N), or (2, 2, V, 1) where no camera has a lens: the derivative of pixels, the
        first axis, by undistorted coordinates, at these (2, V, N).
        """
        count = undistorted.shape[2] if self._lenses else 1
        slope = np.zeros((2, 2, len(self), count))
        slope[0, 0] = slope[1, 1] = 1
        for at, k, fisheye in self._lenses:
            model = distort_fisheye if fisheye else distort
            bent = model(undistorted[:, at].transpose(1, 2, 0), k[:, None])[1]
            slope[:, :, at] = bent.transpose(2, 3, 0, 1)
        slope *= self.focals.T[:, None, :, None]
        return slope

    def inside(self, points: Doubles) -> Doubles:
        """(3, N) world points to (3, V, N) in the cameras' own frames, metres."""
        turned = (self._stacked @ points).reshape(3, len(self), -1)
        turned += self._shifts
        return turned

    @cached_property
    def turns(self) -> Doubles:
        """(3, 3, V, 1) rotations, by the world's, then by the cameras' axes."""
        return np.ascontiguousarray(self.rotations.T)[..., None]

    @cached_property
    def _shifts(self) -> Doubles:
        """(3, V, 1)"""
        return np.ascontiguousarray(self.translations.T)[..., None]

    @cached_property
    def _stacked(self) -> Doubles:
        """(3 V, 3) rotations: the first rows of all cameras, the second, the third ones."""
        return np.ascontiguousarray(self.rotations.swapaxes(0, 1)).reshape(-1, 3)

    def normalise(self, xy: Doubles) -> Doubles:
        """(V, ..., 2) pixels to (V, ..., 2) undistorted x / z, y / z of each camera."""
        broad = (len(self), *[1] * (xy.ndim - 2), 2)
        undistorted = (xy - self.principals.reshape(broad)) / self.focals.reshape(broad)
        for at, k, fisheye in self._lenses:
            own = k.reshape(len(at), *[1] * (xy.ndim - 2), -1)
            undistorted[at] = undistort(undistorted[at], own, fisheye=fisheye)
        return undistorted

    @cached_property
    def extrinsics(self) -> Doubles:
        """(V, 3, 4) rotation and translation side by side: the projection of ideal points."""
        return np.concatenate([self.rotations, self.translations[..., None]], axis=-1)


def rotation_matrix(vector: Doubles) -> Doubles:
    """(3, 3) of a Rodrigues vector (axis times angle, radians)."""
    return np.asarray(cv2.Rodrigues(np.asarray(vector, np.float64))[0], np.float64)


def rotation_vector(matrix: Doubles) -> Doubles:
    """(3,) Rodrigues vector of a rotation, to the last digits also of small and of half turns,
    where cv2.Rodrigues loses them; by way of the quaternion (Shepperd 1978).
    """
    trace, diagonal = float(np.trace(matrix)), matrix.diagonal()
    axial = np.array(
        [matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]]
    )
    n = int(diagonal.argmax())
    if trace > diagonal[n]:
        real, axis = 1 + trace, axial
    else:
        real, axis = axial[n], matrix[n] + matrix[:, n]
        axis[n] = 1 + 2 * diagonal[n] - trace
    length = float(np.linalg.norm(axis))
    if length == 0:
        return np.zeros(3)
    angle = 2 * np.arctan2(length, real)
    if angle > np.pi:
        angle -= 2 * np.pi
    return np.asarray(axis * (angle / length), np.float64)
