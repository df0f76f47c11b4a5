"""The CUDA kernels of engines/kernels in torch operations: same names, arguments and results.

Shapes never depend on values when the device is a GPU, so that a CUDA graph can hold them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LOG_FLOOR = 1e-3
SLOTS = 64  # peaks of a type whose pairs a recorded graph looks at; with more, numpy takes over


def letterbox(
    torch: Any, pictures: Any, rows: int, columns: int, across: Any, scaled_wide: int, down: Any,
    scaled_high: int, channel: Any, reverse: int, left: int, top: int, pad: int, interleaved: int,
    element: int, out: Any, wide: int, high: int,
) -> None:  # fmt: skip
    """kernels/letterbox.cu: cv2.resize's fixed-point arithmetic."""
    one, other = across[:, 0].long(), across[:, 1].long()

    def line(which: Any) -> Any:
        row = pictures[:, which.long()].int()
        return row[:, :, one] * across[:, 2, None] + row[:, :, other] * across[:, 3, None]

    upper, lower = (line(down[:, n]) >> 4 for n in (0, 1))
    first, second = (down[:, n, None, None] for n in (2, 3))
    value = (((first * upper) >> 16) + ((second * lower) >> 16) + 2) >> 2
    padded = channel.new_full((len(pictures), 3, high, wide), pad)
    padded[:, :, top : top + scaled_high, left : left + scaled_wide] = value.permute(0, 3, 1, 2)
    if reverse:
        padded = padded.flip(1)
    if not element:
        mean, scale = (channel[:, n, None, None] for n in (0, 1))
        padded = (padded - mean) / scale
    out.copy_(padded.permute(0, 2, 3, 1) if interleaved else padded)


def peaks(
    torch: Any, maps: Any, channels: int, kinds: int, high: int, wide: int, rows: int,
    columns: int, threshold: float, most: int, counts: Any, found: Any,
) -> None:  # fmt: skip
    """kernels/peaks.cu: the strongest `most` of each type."""
    centre = maps[:, :kinds, :rows, :columns]
    padded = torch.nn.functional.pad(centre, (1, 1, 1, 1), value=float("-inf"))

    def moved(dy: int, dx: int) -> Any:
        return padded[:, :, 1 + dy : 1 + dy + rows, 1 + dx : 1 + dx + columns]

    above = centre > threshold
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if (dy, dx) < (0, 0):
                above = above & (centre > moved(dy, dx))
            elif (dy, dx) > (0, 0):
                above = above & (centre >= moved(dy, dx))
    counts.copy_(above.sum((2, 3)))
    kept = min(most, rows * columns)
    strength = torch.where(above, centre, centre.new_full((), float("-inf"))).flatten(2)
    score, cell = strength.topk(kept, dim=2)

    def at(dy: int, dx: int) -> Any:
        value = moved(dy, dx).flatten(2).gather(2, cell)
        return value.clamp_min(LOG_FLOOR).log()

    middle = at(0, 0)

    def offset(before: Any, after: Any) -> Any:
        return (after - before) / (2 * (2 * middle - before - after).clamp_min(LOG_FLOOR))

    x = cell % columns + offset(at(0, -1), at(0, 1))
    y = cell // columns + offset(at(-1, 0), at(1, 0))
    found[:, :, :kept] = torch.stack([cell.to(x.dtype), x, y, score], dim=3)


def limbs(
    torch: Any, fields: Any, channels: int, high: int, wide: int, limbs: Any, counts: Any,
    found: Any, kinds: int, most: int, shares: Any, samples: int, allowed: int, threshold: float,
    capacity: int, total: Any, codes: Any, scores: Any,
) -> None:  # fmt: skip
    """kernels/limbs.cu: all pairs at once."""
    if fields.device.type == "cpu":  # shapes may depend on values
        slots = min(most, max(1, int(counts.max())))
    else:
        slots = min(most, SLOTS)
    slot = torch.arange(slots, device=fields.device)
    one, other = limbs[:, 0].long(), limbs[:, 1].long()
    held = slot < counts[:, :, None]
    pair = held[:, one, :, None] & held[:, other, None, :]
    # What lies beyond the counts is not initialised.
    xy = torch.where(held[..., None], found[:, :, :slots, 1:3], found.new_zeros(()))
    start, end = xy[:, one, :, None], xy[:, other, None]
    along = end - start
    length = (along * along).sum(-1, keepdim=True).sqrt().clamp_min(1e-6)
    direction = along / length
    place = start[..., None, :] + along[..., None, :] * shares[:, None]
    x, y = place[..., 0].clamp(0, wide - 1), place[..., 1].clamp(0, high - 1)
    left = x.long().clamp_max(max(wide - 2, 0))
    top = y.long().clamp_max(max(high - 2, 0))
    fx, fy = x - left, y - top
    right, below = int(wide > 1), wide * int(high > 1)
    corner = (top * wide + left).flatten(2)
    value = torch.zeros_like(x)
    flat = fields.flatten(2)
    for axis in (0, 1):
        plane = flat[:, limbs[:, 2 + axis].long()]

        def between(at: Any, plane: Any = plane) -> Any:
            here = plane.gather(2, at).view_as(x)
            return here + (plane.gather(2, at + right).view_as(x) - here) * fx

        upper, lower = between(corner), between(corner + below)
        value = value + (upper + (lower - upper) * fy) * direction[..., axis, None]
    above = value > threshold
    count = above.sum(-1)
    good = (pair & (count >= samples - allowed)).flatten(1)
    score = (value * above).sum(-1) / count.clamp_min(1)
    limb = torch.arange(len(limbs), device=fields.device)[:, None, None]
    code = (limb << 16 | slot[:, None] << 8 | slot).flatten()
    number = good.sum(1)
    total.copy_(torch.where((counts > slots).any(1), capacity + 1, number))
    # The good ones come first: each goes to the place that the number of those before it says.
    place_of = torch.where(good, good.cumsum(1) - 1, capacity).clamp_max(capacity)
    for to, values in ((codes, code.expand_as(good).int()), (scores, score.flatten(1))):
        table = torch.zeros(len(to), capacity + 1, dtype=to.dtype, device=to.device)
        to.copy_(table.scatter_(1, place_of, values.to(to.dtype))[:, :capacity])


def crops(
    torch: Any, pictures: Any, places: Any, maps: Any, channel: Any, reverse: int, border: int,
    interleaved: int, element: int, out: Any, wide: int, high: int,
) -> None:  # fmt: skip
    """kernels/crops.cu: cv2.warpAffine's arithmetic."""
    x = torch.arange(wide, device=maps.device, dtype=maps.dtype)
    y = torch.arange(high, device=maps.device, dtype=maps.dtype)[:, None]
    each = maps.reshape(-1, 6)[..., None, None]  # (batch, 6, 1, 1)
    column = x * each[:, 0] + (y * each[:, 1] + each[:, 2])
    row = x * each[:, 3] + (y * each[:, 4] + each[:, 5])
    first, rows, columns = (places[:, n, None, None].long() for n in range(3))
    near = (column > -1) & (row > -1) & (column < columns) & (row < rows)
    zero = column.new_zeros(())
    left, top = (torch.where(near, one, zero).floor().long() for one in (column, row))
    fx, fy = (column - left)[..., None], (row - top)[..., None]

    def corner(dy: int, dx: int) -> Any:
        down, right = top + dy, left + dx
        inside = near & (down >= 0) & (down < rows) & (right >= 0) & (right < columns)
        at = first + torch.where(inside, (down * columns + right) * 3, down.new_zeros(()))
        three = at[..., None] + torch.arange(3, device=at.device)
        edge = column.new_full((), border)
        return torch.where(inside[..., None], pictures[three].to(column.dtype), edge)

    above = corner(0, 0) + fx * (corner(0, 1) - corner(0, 0))
    below = corner(1, 0) + fx * (corner(1, 1) - corner(1, 0))
    # What is far away has places that are no numbers.
    value = torch.where(
        near[..., None], (above + fy * (below - above)).round(), column.new_full((), border)
    )
    if reverse:
        value = value.flip(3)
    if not element:
        value = (value - channel[:, 0]) / channel[:, 1]
    out.copy_(value if interleaved else value.permute(0, 3, 1, 2))


KERNELS: dict[str, Callable[..., None]] = {
    "letterbox": letterbox,
    "peaks": peaks,
    "limbs": limbs,
    "crops": crops,
}
