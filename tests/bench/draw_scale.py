#!/usr/bin/env python3
"""Draws docs/scale.svg from what report-bench said: python3 tests/bench/draw_scale.py > docs/scale.svg"""

# Seconds of a processor for the weekly report of 100 series, the file in memory.
BY_RESULTS = [(1_008_000, 0.052), (2_016_000, 0.083), (6_048_000, 0.083)]  # 280 outages each
BY_OUTAGES = [(280, 0.083), (700, 0.077), (2_800, 0.121), (11_200, 0.847)]  # 2,016,000 results each

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 340, 220, 50, 34, 40


def plot(x0, title, axis, points):
    most_x, most_y = max(x for x, _ in points), 1.0
    wide, high = WIDTH - LEFT - 20, HEIGHT - TOP - BOTTOM
    place = [(x0 + LEFT + wide * x / most_x, TOP + high * (1 - y / most_y)) for x, y in points]
    out = [f'<text x="{x0 + LEFT}" y="18" font-weight="bold">{title}</text>']
    for tick in (0, 0.25, 0.5, 0.75, 1.0):
        y = TOP + high * (1 - tick)
        out.append(f'<path d="M{x0 + LEFT} {y:.1f}h{wide}" stroke="#8884"/>')
        out.append(f'<text x="{x0 + LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g} s</text>')
    out.append(f'<text x="{x0 + LEFT + wide / 2}" y="{HEIGHT - 6}" text-anchor="middle">{axis}</text>')
    out.append('<polyline fill="none" stroke="#06c" stroke-width="2" points="'
               + " ".join(f"{x:.1f},{y:.1f}" for x, y in place) + '"/>')
    for (x, y), (value, _) in zip(place, points):
        out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#06c"><title>{value:,}</title></circle>')
    out.append(f'<text x="{x0 + LEFT + wide}" y="{HEIGHT - BOTTOM + 15}" text-anchor="end">{most_x:,}</text>')
    out.append(f'<text x="{x0 + LEFT}" y="{HEIGHT - BOTTOM + 15}">0</text>')
    return out


print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HEIGHT}" font-family="sans-serif" '
      'font-size="11" fill="#777" role="img" aria-label="Time of a weekly report by results and by outages">')
print("\n".join(plot(0, "More results, 280 outages", "results", BY_RESULTS)
                + plot(WIDTH, "More outages, 2,016,000 results", "outages", BY_OUTAGES)))
print("</svg>")
