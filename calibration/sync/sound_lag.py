"""By how much one sound is behind another."""

from __future__ import annotations

import numpy as np

from calibration.geometry.arrays import Doubles
from calibration.geometry.errors import CalibrationError
from calibration.sync.correlation import top

MIN_PEAK_RATIO = 1.3  # of the next best peak, that of the sound must have (rule of thumb)
# Seconds about a peak that belong to it (rule of thumb: early echoes of a room).
PEAK_WIDTH_S = 0.05


def sound_lag(first: Doubles, second: Doubles, rate: float) -> tuple[float, float]:
    """Seconds that the second sound is behind the first, and how much its peak is higher than the
    next: the cross-correlation of their phases alone (Knapp and Carter 1976, PHAT), so that rooms
    and microphones do not matter. first, second: samples at that rate.
    """
    if min(len(first), len(second)) < rate / 2 or not (first.any() and second.any()):
        raise CalibrationError("the recordings have too little sound to synchronise by")
    size = 1 << int(np.ceil(np.log2(len(first) + len(second))))
    spectrum = np.conj(np.fft.rfft(first, size)) * np.fft.rfft(second, size)
    strength = np.abs(spectrum)
    # Where there is hardly any sound the phase is noise.
    spectrum /= np.maximum(strength, 1e-3 * strength.max())
    wave = np.fft.irfft(spectrum, size)
    best = int(np.argmax(wave))
    lag = best if best < size // 2 else best - size
    ahead = (best + np.arange(-1, 2)) % size
    fine = top(np.asarray(wave[ahead], np.float64), 1)
    reach = round(PEAK_WIDTH_S * rate)
    rest = wave.copy()
    rest[(best + np.arange(-reach, reach + 1)) % size] = 0
    return (lag + fine) / rate, float(wave[best] / max(rest.max(), 1e-12))
