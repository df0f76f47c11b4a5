// The colours of ids: steps of the golden ratio keep those of near ids apart.

export const hue = id => (Math.max(id, 0) * 0.618034 % 1) * 360;
export const tint = id => `hsl(${hue(id)} 100% 70%)`;
export const rim = id => `hsl(${hue(id)} 90% 32%)`;
