// Local maxima of confidence maps with their sub-pixel positions: engines/decoders/peaks.py, on the device.
//
// maps: (batch, channels, high, wide), of which rows x columns hold the picture.
// counts: (batch, kinds), zero at the start: peaks found, which may be more than are kept.
// found: (batch, kinds, most, 4) cell, x, y, score in map pixels, in no certain order.
// One thread a cell; blockIdx.z is the map: kinds of the first picture, of the second, ...
__device__ float offset(float before, float centre, float after)
{
    const float tiny = 1e-3f;
    const float low = logf(fmaxf(before, tiny)), mid = logf(fmaxf(centre, tiny));
    const float high = logf(fmaxf(after, tiny));
    return (high - low) / (2.0f * fmaxf(2.0f * mid - low - high, tiny));
}

extern "C" __global__ void peaks(
    const float *maps, int channels, int kinds, int high, int wide, int rows, int columns,
    float threshold, int most, int *counts, float *found)
{
    const int x = blockIdx.x * blockDim.x + threadIdx.x;
    const int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= columns || y >= rows)
        return;
    const int picture = blockIdx.z / kinds, kind = blockIdx.z % kinds;
    const float *map = maps + ((size_t)picture * channels + kind) * high * wide;
    const float centre = map[y * wide + x];
    if (!(centre > threshold))
        return;
    float around[3][3];
    for (int dy = -1; dy <= 1; ++dy)
        for (int dx = -1; dx <= 1; ++dx) {
            const bool inside = x + dx >= 0 && x + dx < columns && y + dy >= 0 && y + dy < rows;
            const float other = inside ? map[(y + dy) * wide + x + dx] : -HUGE_VALF;
            const bool first = dy < 0 || (dy == 0 && dx < 0);
            // Of equal neighbours the first wins.
            if ((dx || dy) && !(first ? centre > other : centre >= other))
                return;
            around[dy + 1][dx + 1] = other;
        }
    const int slot = atomicAdd(counts + blockIdx.z, 1);
    if (slot >= most)
        return;
    float *peak = found + ((size_t)blockIdx.z * most + slot) * 4;
    peak[0] = (float)(y * columns + x);
    peak[1] = (float)x + offset(around[1][0], centre, around[1][2]);
    peak[2] = (float)y + offset(around[0][1], centre, around[2][1]);
    peak[3] = centre;
}
