// Line integrals of Part Affinity Fields for all pairs of peaks: engines/decoders/limb_scores.py, on the device.
//
// fields: (batch, channels, high, wide). limbs: (limbs, 4) kinds of both ends, x and y channel.
// counts, found: as peaks leaves them. shares: (samples) places along the line, 0 to 1; a pair may
// miss the threshold at `allowed` of them.
// total: (batch), zero at the start: pairs that count, which may be more than are kept.
// codes, scores: (batch, capacity) limb << 16 | first slot << 8 | second slot, in no certain order.
// blockIdx.y is the limb, blockIdx.z the picture; the threads of x share its pairs.
__device__ float between(const float *at, int step, float share)
{
    const float here = at[0];
    return here + (at[step] - here) * share;
}

extern "C" __global__ void limbs(
    const float *fields, int channels, int high, int wide, const int *limbs, const int *counts,
    const float *found, int kinds, int most, const float *shares, int samples, int allowed,
    float threshold, int capacity, int *total, unsigned int *codes, float *scores)
{
    const int limb = blockIdx.y, picture = blockIdx.z;
    const int *ends = limbs + 4 * limb;
    const int one = picture * kinds + ends[0], other = picture * kinds + ends[1];
    const int ones = counts[one] < most ? counts[one] : most;
    const int others = counts[other] < most ? counts[other] : most;
    const size_t plane = (size_t)high * wide;
    const float *along_x = fields + ((size_t)picture * channels + ends[2]) * plane;
    const float *along_y = fields + ((size_t)picture * channels + ends[3]) * plane;
    const int right = wide > 1, below = high > 1 ? wide : 0;
    const int last_left = wide > 2 ? wide - 2 : 0, last_top = high > 2 ? high - 2 : 0;
    for (int pair = blockIdx.x * blockDim.x + threadIdx.x; pair < ones * others;
         pair += gridDim.x * blockDim.x) {
        const int i = pair / others, j = pair % others;
        const float *start = found + ((size_t)one * most + i) * 4;
        const float *end = found + ((size_t)other * most + j) * 4;
        const float dx = end[1] - start[1], dy = end[2] - start[2];
        const float length = fmaxf(sqrtf(dx * dx + dy * dy), 1e-6f);
        const float part_x = dx / length, part_y = dy / length;
        float sum = 0.0f;
        int above = 0, missed = 0;
        for (int s = 0; s < samples && missed <= allowed; ++s) {
            const float x = fminf(fmaxf(start[1] + dx * shares[s], 0.0f), (float)(wide - 1));
            const float y = fminf(fmaxf(start[2] + dy * shares[s], 0.0f), (float)(high - 1));
            const int left = (int)x < last_left ? (int)x : last_left;
            const int top = (int)y < last_top ? (int)y : last_top;
            const float fx = x - (float)left, fy = y - (float)top;
            const int at = top * wide + left;
            const float upper_x = between(along_x + at, right, fx);
            const float lower_x = between(along_x + at + below, right, fx);
            const float upper_y = between(along_y + at, right, fx);
            const float lower_y = between(along_y + at + below, right, fx);
            const float value = (upper_x + (lower_x - upper_x) * fy) * part_x +
                                (upper_y + (lower_y - upper_y) * fy) * part_y;
            if (value > threshold) {
                sum += value;
                ++above;
            } else {
                ++missed;
            }
        }
        if (missed > allowed)
            continue;
        const int slot = atomicAdd(total + picture, 1);
        if (slot < capacity) {
            codes[(size_t)picture * capacity + slot] = limb << 16 | i << 8 | j;
            scores[(size_t)picture * capacity + slot] = sum / (float)(above > 0 ? above : 1);
        }
    }
}
