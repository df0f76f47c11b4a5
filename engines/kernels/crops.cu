// uint8 BGR pictures -> crops of them, each the input of a crop network: turned and scaled, with a
// border beyond the picture's edge, normalised.
//
// The arithmetic is that of cv2.warpAffine with INTER_LINEAR, WARP_INVERSE_MAP and BORDER_CONSTANT
// (OpenCV 5: places and shares in float), so that a network sees the same pixels here as on the CPU.
//
// pictures: all of them, one after the other. places: (batch, 3) of each crop's picture the first
// byte, rows, columns. maps: (batch, 2, 3) from crop pixels to picture pixels. channel: (mean,
// scale) for each of 3. border: the pixel beyond the edge. out: (batch, 3, high, wide), or (batch,
// high, wide, 3) if interleaved, of float (element 0), int (1) or unsigned char (2).
// One thread a network pixel; blockIdx.z is the crop.
extern "C" __global__ void crops(
    const unsigned char *pictures, const int *places, const float *maps, const float *channel,
    int reversed, int border, int interleaved, int element, void *out, int wide, int high)
{
    const int x = blockIdx.x * blockDim.x + threadIdx.x;
    const int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= wide || y >= high)
        return;
    const int *place = places + 3 * blockIdx.z;
    const unsigned char *picture = pictures + place[0];
    const int rows = place[1], columns = place[2];
    const float *map = maps + 6 * blockIdx.z;
    const float column = x * map[0] + (y * map[1] + map[2]);
    const float row = x * map[3] + (y * map[4] + map[5]);
    // What is further away than one pixel shows the border alone; the cast below needs bounds.
    const bool near = column > -1.0f && row > -1.0f && column < columns && row < rows;
    const int left = near ? (int)floorf(column) : 0, top = near ? (int)floorf(row) : 0;
    const float fx = column - left, fy = row - top;
    for (int c = 0; c < 3; ++c) {
        float value = (float)border;
        if (near) {
            float corner[2][2];
            for (int dy = 0; dy < 2; ++dy)
                for (int dx = 0; dx < 2; ++dx) {
                    const bool inside = top + dy >= 0 && top + dy < rows && left + dx >= 0 &&
                                        left + dx < columns;
                    const size_t at = ((size_t)(top + dy) * columns + left + dx) * 3 + c;
                    corner[dy][dx] = inside ? (float)picture[at] : (float)border;
                }
            const float above = corner[0][0] + fx * (corner[0][1] - corner[0][0]);
            const float below = corner[1][0] + fx * (corner[1][1] - corner[1][0]);
            value = rintf(above + fy * (below - above));
        }
        const int to = reversed ? 2 - c : c;
        const size_t at = interleaved ? (((size_t)blockIdx.z * high + y) * wide + x) * 3 + to
                                      : (((size_t)blockIdx.z * 3 + to) * high + y) * wide + x;
        if (element == 1)
            ((int *)out)[at] = (int)value;
        else if (element == 2)
            ((unsigned char *)out)[at] = (unsigned char)value;
        else
            ((float *)out)[at] = (value - channel[2 * to]) / channel[2 * to + 1];
    }
}
