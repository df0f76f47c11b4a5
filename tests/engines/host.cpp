// The CUDA kernels as C++: their grids run thread by thread, one launch function a kernel with the
// argument convention of cuLaunchKernel. Threads run one after the other, so that a kernel which
// needs its threads to meet (__syncthreads) does not compile here.
#include <cmath>
#include <cstddef>
#include <utility>

struct Three {
    int x, y, z;
};
static Three threadIdx, blockIdx, blockDim, gridDim;
#define __global__
#define __device__ static

static int atomicAdd(int *to, int value)
{
    const int before = *to;
    *to += value;
    return before;
}

#include "crops.cu"
#include "letterbox.cu"
#include "limbs.cu"
#include "peaks.cu"

template <class... Given, size_t... N>
static void run(void (*kernel)(Given...), const int *shape, void **given, std::index_sequence<N...>)
{
    gridDim = {shape[0], shape[1], shape[2]};
    blockDim = {shape[3], shape[4], shape[5]};
    // Backwards: whatever depends on the order of threads is seen.
    for (int b = shape[0] * shape[1] * shape[2] - 1; b >= 0; --b)
        for (int t = shape[3] * shape[4] * shape[5] - 1; t >= 0; --t) {
            blockIdx = {b % shape[0], b / shape[0] % shape[1], b / shape[0] / shape[1]};
            threadIdx = {t % shape[3], t / shape[3] % shape[4], t / shape[3] / shape[4]};
            kernel(*static_cast<Given *>(given[N])...);
        }
}

template <class... Given>
static int launch(void (*kernel)(Given...), const int *shape, void **given, int count)
{
    if (count != sizeof...(Given))
        return 1;
    run(kernel, shape, given, std::index_sequence_for<Given...>{});
    return 0;
}

#define LAUNCHES(name)                                                                             \
    extern "C" int launch_##name(const int *shape, void **given, int count)                        \
    {                                                                                              \
        return launch(name, shape, given, count);                                                  \
    }
LAUNCHES(crops)
LAUNCHES(letterbox)
LAUNCHES(limbs)
LAUNCHES(peaks)
