// uint8 BGR pictures -> the network's input: scaled to where they lie in it, padded, normalised.
//
// The fixed-point arithmetic is that of cv2.resize with INTER_LINEAR, to the last bit, so that a
// network sees the same pixels here as on the CPU.
//
// pictures: (batch, rows, columns, 3). across, down: (scaled size, 4) the two source pixels of each
// network column or row, and their weights in 1/2048. channel: (mean, scale) for each of 3.
// left, top: of the picture in the input; pad: the pixel around it. out: (batch, 3, high, wide), or
// (batch, high, wide, 3) if interleaved, of float (element 0), int (1) or unsigned char (2).
// One thread a network pixel; blockIdx.z is the picture.
extern "C" __global__ void letterbox(
    const unsigned char *pictures, int rows, int columns, const int *across, int scaled_wide,
    const int *down, int scaled_high, const float *channel, int reversed, int left, int top,
    int pad, int interleaved, int element, void *out, int wide, int high)
{
    const int x = blockIdx.x * blockDim.x + threadIdx.x;
    const int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= wide || y >= high)
        return;
    const unsigned char *picture = pictures + (size_t)blockIdx.z * rows * columns * 3;
    const int column = x - left, row = y - top;
    const bool inside = column >= 0 && column < scaled_wide && row >= 0 && row < scaled_high;
    for (int c = 0; c < 3; ++c) {
        int value = pad;
        if (inside) {
            const int *h = across + 4 * column, *v = down + 4 * row;
            const unsigned char *upper = picture + (size_t)v[0] * columns * 3 + c;
            const unsigned char *lower = picture + (size_t)v[1] * columns * 3 + c;
            const int above = upper[3 * h[0]] * h[2] + upper[3 * h[1]] * h[3];
            const int below = lower[3 * h[0]] * h[2] + lower[3 * h[1]] * h[3];
            value = (((v[2] * (above >> 4)) >> 16) + ((v[3] * (below >> 4)) >> 16) + 2) >> 2;
        }
        const int to = reversed ? 2 - c : c;
        const size_t at = interleaved ? (((size_t)blockIdx.z * high + y) * wide + x) * 3 + to
                                      : (((size_t)blockIdx.z * 3 + to) * high + y) * wide + x;
        if (element == 1)
            ((int *)out)[at] = value;
        else if (element == 2)
            ((unsigned char *)out)[at] = (unsigned char)value;
        else
            ((float *)out)[at] = ((float)value - channel[2 * to]) / channel[2 * to + 1];
    }
}
