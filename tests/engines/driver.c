/* A driver that answers as told by macros, for tests on machines that have none. */
#include <stddef.h>
#include <string.h>

int cuInit(unsigned flags)
{
    return flags ? 1 : INIT;
}

int cuDeviceGetCount(int *count)
{
    *count = COUNT;
    return 0;
}

int cuDriverGetVersion(int *version)
{
    *version = CUDA;
    return 0;
}

int cuDeviceGet(int *device, int index)
{
    *device = index;
    return index >= COUNT;
}

int cuDeviceGetName(char *name, int size, int device)
{
    strncpy(name, device ? "Second" : "First", size);
    return 0;
}

int cuDeviceTotalMem_v2(size_t *bytes, int device)
{
    *bytes = (size_t)(device + 8) << 30;
    return 0;
}

int cuDeviceGetAttribute(int *value, int attribute, int device)
{
    const int capability[] = {CAPABILITIES};
    *value = attribute == 75 ? capability[device] / 10 : capability[device] % 10;
    return attribute != 75 && attribute != 76;
}
