"""The search of one scale, compiled by Numba: adjacent windows as a vector for the first stage, then the survivors.

OpenCV evaluates one window after the other, and reads a stump's corners again for each. Here the loop over windows is
the inner one: corners are read once for many windows, and where windows are adjacent a processor's vector instructions
take 8 or 16 at once. Every sum adds the same numbers in the same order and precision as OpenCV does, so the windows
found are the same, and in the same order. A picture here is a flat integral image; a window is identified by its place,
the index at which it begins; `at` holds the offsets of corners from there. All functions are in one file, since Numba's
disk cache tracks only a function's own file.
"""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="call-overload,untyped-decorator"

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from framewire.models.finders.haar.stumps import CHECKER_LIGHT, CORNERS, EDGE, LINE

TILE = 512
"""Windows taken together in the first stage; if none of them has any contrast, all are skipped."""
BLOCK = 256
"""Survivors taken through the stages together: few enough that what they read stays in the L1 cache."""
FEW_FROM = 5
"""From this stage on survivors are so few that they are gathered from the whole scale before evaluation."""
FLAT = 0.1
"""A window whose norm times area is this or more has too little contrast: OpenCV does not evaluate it."""
LOOKED_BACK = 8
"""Windows to the left of the wanted ones that are evaluated too: what OpenCV skips depends on them."""
WANTED, BEFORE = 2, 1


def _compiled(function: Callable[..., Any], **options: bool) -> Callable[..., Any]:
    try:
        return numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:
        # Neither this file's folder nor the user's own cache is writable.
        return numba.njit(nogil=True, **options)(function)


def _inner(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that only compiled functions call: it needs no Python wrapper."""
    return _compiled(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


@_inner
def _quartered(x, y, down, across):
    """The index in quarters of the pixel x, y."""
    return ((y & 1) * 2 + (x & 1)) * down * across + (y >> 1) * across + (x >> 1)


@_inner
def _quarters(whole, down, across, out):
    """Separate even and odd rows, and their even and odd columns: every second window then adjoins the next."""
    height, width = whole.shape
    for y in range(height):
        row = whole[y]
        start = _quartered(0, y, down, across)
        even, odd = out[start : start + across], out[start + down * across : start + (down + 1) * across]
        for x in range(width // 2):
            even[x] = row[2 * x]
            odd[x] = row[2 * x + 1]
        if width % 2:
            even[width // 2] = row[width - 1]


@_inner
def _corners(stumps, stride, across, at):
    """Offsets of all features' corners in rows of `stride`; or, with `across`, in `stride` rows of quarters.

    Returns the corner offsets of the window without its outermost pixels.
    """
    for stump in range(len(at)):
        for corner in range(CORNERS):
            x, y = stumps.x[stump, corner], stumps.y[stump, corner]
            at[stump, corner] = _quartered(x, y, stride, across) if across else y * stride + x
    inside = np.empty(4, np.int64)
    for corner in range(4):
        x, y = (stumps.width - 1 if corner % 2 else 1), (stumps.height - 1 if corner >= 2 else 1)
        inside[corner] = _quartered(x, y, stride, across) if across else y * stride + x
    return inside


@_inner
def _box(picture, place, at):
    """The sum over the inside of one window."""
    return np.int32(picture[place + at[0]] - picture[place + at[1]] - picture[place + at[2]] + picture[place + at[3]])


@_inner
def _boxes(picture, at, out):
    """The sums over the inside of adjacent windows, the first at 0."""
    n = len(out)
    a, b, c, d = (
        picture[at[0] : at[0] + n],
        picture[at[1] : at[1] + n],
        picture[at[2] : at[2] + n],
        picture[at[3] : at[3] + n],
    )
    for j in range(n):
        out[j] = a[j] - b[j] - c[j] + d[j]


@_inner
def _area(stumps):
    return np.float64((stumps.width - 2) * (stumps.height - 2))


@_inner
def _norm(total, squares, area):
    """1 / (area x standard deviation) of a window, or 0 if it has too little contrast to be evaluated."""
    spread = area * np.float64(np.uint32(squares)) - np.float64(total) * np.float64(total)
    value = np.float32(1.0 / np.sqrt(max(spread, 1.0)))
    return value if (spread > 0.0) & (area * np.float64(value) < FLAT) else np.float32(0.0)


@_inner
def _norms(totals, squares, area, norm):
    """The norm of each window."""
    for j in range(len(norm)):
        norm[j] = _norm(totals[j], squares[j], area)


@_inner
def _add_beside(picture, kind, at, threshold, left, right, norm, total):
    """Add one stump's answers for adjacent windows, the first at 0."""
    n = len(norm)
    a, b, c = picture[at[0] : at[0] + n], picture[at[1] : at[1] + n], picture[at[2] : at[2] + n]
    d, e, f = picture[at[3] : at[3] + n], picture[at[4] : at[4] + n], picture[at[5] : at[5] + n]
    if kind == EDGE:
        for j in range(n):
            value = (d[j] + e[j] - b[j] - c[j]) + (f[j] - a[j]) * np.int32(2)
            total[j] += left if np.float32(np.int32(value)) * norm[j] < threshold else right
        return
    g, h = picture[at[6] : at[6] + n], picture[at[7] : at[7] + n]
    if kind == LINE:
        for j in range(n):
            value = (g[j] + h[j] - a[j] - b[j]) * np.int32(3) + (e[j] + f[j] - c[j] - d[j])
            total[j] += left if np.float32(np.int32(value)) * norm[j] < threshold else right
        return
    i = picture[at[8] : at[8] + n]
    if kind == CHECKER_LIGHT:
        for j in range(n):
            value = i[j] * np.int32(4) + (e[j] + f[j] + g[j] + h[j]) - (a[j] + b[j] + c[j] + d[j]) * np.int32(2)
            total[j] += left if np.float32(np.int32(value)) * norm[j] < threshold else right
    else:
        for j in range(n):
            value = (f[j] + g[j] + h[j] + i[j]) * np.int32(2) - a[j] * np.int32(4) - (b[j] + c[j] + d[j] + e[j])
            total[j] += left if np.float32(np.int32(value)) * norm[j] < threshold else right


@_inner
def _add_apart(picture, kind, at, threshold, left, right, places, norm, total, n):
    """Add one stump's answers for n scattered windows."""
    a, b, c, d, e, f, g, h, i = at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7], at[8]
    if kind == EDGE:
        for j in range(n):
            p = np.uint64(places[j])
            value = (picture[p + d] + picture[p + e] - picture[p + b] - picture[p + c]) + (
                picture[p + f] - picture[p + a]
            ) * np.int32(2)
            total[j] += left if np.float32(np.int32(value)) * norm[j] < threshold else right
    elif kind == LINE:
        for j in range(n):
            p = np.uint64(places[j])
            value = (picture[p + g] + picture[p + h] - picture[p + a] - picture[p + b]) * np.int32(3) + (
                picture[p + e] + picture[p + f] - picture[p + c] - picture[p + d]
            )
            total[j] += left if np.float32(np.int32(value)) * norm[j] < threshold else right
    elif kind == CHECKER_LIGHT:
        for j in range(n):
            p = np.uint64(places[j])
            value = (
                picture[p + i] * np.int32(4)
                + (picture[p + e] + picture[p + f] + picture[p + g] + picture[p + h])
                - (picture[p + a] + picture[p + b] + picture[p + c] + picture[p + d]) * np.int32(2)
            )
            total[j] += left if np.float32(np.int32(value)) * norm[j] < threshold else right
    else:
        for j in range(n):
            p = np.uint64(places[j])
            value = (
                (picture[p + f] + picture[p + g] + picture[p + h] + picture[p + i]) * np.int32(2)
                - picture[p + a] * np.int32(4)
                - (picture[p + b] + picture[p + c] + picture[p + d] + picture[p + e])
            )
            total[j] += left if np.float32(np.int32(value)) * norm[j] < threshold else right


@_inner
def _first_stage(picture, squares, windows, steps, stride, passing_over, stumps, at, inside, places, norm):
    """Take all windows through the first stage. Write the survivors' places and norms; return how many.

    Args:
        picture, squares: laid out so that the evaluated windows are adjacent.
        windows: number of rows of them, number in a row, and entries of `picture` per row of them.
        steps, stride: pixels from one window to the next, and entries in a row of the plain picture, which the
            survivors' places refer to.
        passing_over: after a window that fails here, skip the next one of the row unconditionally, as OpenCV does.
    """
    rows, columns, row = windows
    totals, squared, here = np.empty(TILE, np.int32), np.empty(TILE, np.int32), np.empty(TILE, np.float32)
    total = np.empty(TILE, np.float64)
    area = _area(stumps)
    least, found, end = stumps.stage_threshold[0], 0, (rows - 1) * row + columns
    y, x, pass_over = 0, 0, False
    for start in range(0, end, TILE):
        n = min(TILE, end - start)
        _boxes(picture[start:], inside, totals[:n])
        _boxes(squares[start:], inside, squared[:n])
        _norms(totals, squared, area, here[:n])
        low, high = n, 0
        for j in range(n):
            if here[j] > 0.0:
                low, high = min(low, j), j + 1
        for j in range(low, high):
            total[j] = 0.0
        if low < high:
            for stump in range(stumps.first[1]):
                kind, threshold = stumps.kind[stump], stumps.threshold[stump]
                left, right = stumps.left[stump], stumps.right[stump]
                _add_beside(
                    picture[start + low :], kind, at[stump], threshold, left, right, here[low:high], total[low:high]
                )
        j = 0
        while j < n:
            stop = min(n, j + row - x)
            limit = min(stop, j + max(0, columns - x))
            k, from_row = j + 1 if pass_over else j, y * steps * stride + (x - j) * steps
            while k < limit:
                if here[k] > 0.0:
                    if total[k] < least:
                        k += passing_over
                    else:
                        places[found], norm[found] = from_row + k * steps, here[k]
                        found += 1
                k += 1
            pass_over = k > limit
            x, j = x + stop - j, stop
            if x == row:
                y, x, pass_over = y + 1, 0, False
    return found


@_inner
def _totals(picture, places, norm, total, n, stumps, at, stage):
    """The sums of a stage's stumps for n scattered windows."""
    for j in range(n):
        total[j] = 0.0
    for stump in range(stumps.first[stage], stumps.first[stage + 1]):
        kind, threshold = stumps.kind[stump], stumps.threshold[stump]
        left, right = stumps.left[stump], stumps.right[stump]
        _add_apart(picture, kind, at[stump], threshold, left, right, places, norm, total, n)


@_inner
def _survivors(picture, places, norm, count, stumps, at, from_stage, to_stage):
    """Take windows through some stages; those that survive move to the front, in order. Returns how many."""
    total = np.empty(BLOCK, np.float64)
    kept = 0
    for start in range(0, count, BLOCK):
        n = min(BLOCK, count - start)
        here, norms = places[start:], norm[start:]
        for stage in range(from_stage, to_stage):
            if n == 0:
                break
            _totals(picture, here, norms, total, n, stumps, at, stage)
            alive = 0
            for j in range(n):
                here[alive], norms[alive] = here[j], norms[j]
                alive += 0 if total[j] < stumps.stage_threshold[stage] else 1
            n = alive
        for j in range(n):
            places[kept], norm[kept] = here[j], norms[j]
            kept += 1
    return kept


@_inner
def _mark(windows, leads, reach):
    """The windows of a scale: WANTED within `reach` of a lead, BEFORE some to the left of those, else 0."""
    rows, columns, stride = windows
    marked, busy = np.zeros((rows, columns), np.uint8), np.zeros(rows, np.bool_)
    for lead in leads:
        y, x = np.int64(lead) // stride, np.int64(lead) % stride
        for v in range(max(0, y - reach), min(rows, y + reach + 1)):
            busy[v] = True
            for u in range(max(0, x - reach - LOOKED_BACK), min(columns, x + reach + 1)):
                marked[v, u] = max(marked[v, u], WANTED if u >= x - reach else BEFORE)
    return marked, busy


@_inner
def _near(picture, squares, windows, leads, reach, stumps, at, inside):
    """The windows within `reach` of a lead that survive the first stage and are not skipped.

    Returns their places, norms and number.
    """
    rows, columns, stride = windows
    marked, busy = _mark(windows, leads, reach)
    most = min(rows * columns, len(leads) * (2 * reach + 1) * (2 * reach + 1 + LOOKED_BACK))
    places, norm, wanted = np.empty(most, np.uint32), np.empty(most, np.float32), np.empty(most, np.bool_)
    area, count = _area(stumps), 0
    for y in range(rows):
        if busy[y]:
            for x in range(columns):
                if marked[y, x]:
                    place = y * stride + x
                    places[count], wanted[count] = place, marked[y, x] == WANTED
                    norm[count] = _norm(_box(picture, place, inside), _box(squares, place, inside), area)
                    count += 1
    total = np.empty(count, np.float64)
    for start in range(0, count, BLOCK):
        _totals(picture, places[start:], norm[start:], total[start:], min(BLOCK, count - start), stumps, at, 0)
    least, kept = stumps.stage_threshold[0], 0
    for j in range(count):
        if wanted[j] and norm[j] > 0.0 and total[j] >= least:
            # Of consecutive failing windows every second is skipped; so is what follows an odd number of them.
            x, failed = np.int64(places[j]) % stride, 0
            while j > failed and places[j - failed - 1] + 1 == places[j - failed]:
                before = j - failed - 1
                if norm[before] == 0.0 or total[before] >= least:
                    break
                failed += 1
            if x > failed and (j == failed or places[j - failed - 1] + 1 != places[j - failed]):
                failed += _fail_before(picture, squares, np.int64(places[j]) - failed, x - failed, stumps, at, inside)
            if failed % 2 == 0:
                places[kept], norm[kept] = places[j], norm[j]
                kept += 1
    return places, norm, kept


@_inner
def _fail_before(picture, squares, place, most, stumps, at, inside):
    """How many consecutive windows left of a place fail in the first stage; there are at most `most`."""
    one, norms, total = np.empty(1, np.uint32), np.empty(1, np.float32), np.empty(1, np.float64)
    for failed in range(most):
        before = place - failed - 1
        one[0], norms[0] = before, _norm(_box(picture, before, inside), _box(squares, before, inside), _area(stumps))
        _totals(picture, one, norms, total, 1, stumps, at, 0)
        if norms[0] == 0.0 or total[0] >= stumps.stage_threshold[0]:
            return failed
    return most


@_compiled
def search_scale(picture, squares, steps, scout_stages, stumps):
    """Search one scale: the places of the windows found, in OpenCV's order.

    Args:
        picture, squares: (h + 1, w + 1) int32, integral of the grey picture and of its square, contiguous.
        steps: pixels from one window to the next, 1 or 2.
        scout_stages: 0 evaluates what OpenCV does. Else none is skipped, and what survives this many is found.
        stumps: the cascade, Stumps.
    """
    stride, stages = picture.shape[1], len(stumps.stage_threshold)
    rows, columns = picture.shape[0] - stumps.height, stride - stumps.width
    if rows <= 0 or columns <= 0:
        return np.empty(0, np.uint32)
    flat, beside, beside_squares = picture.reshape(-1), picture.reshape(-1), squares.reshape(-1)
    at = np.empty((len(stumps.kind), CORNERS), np.uint32)
    inside = _corners(stumps, stride, 0, at)
    windows, first_at = ((rows + steps - 1) // steps, (columns + steps - 1) // steps, stride), at[: stumps.first[1]]
    if steps == 2:
        down, across = (picture.shape[0] + 1) // 2, (stride + 1) // 2
        beside, beside_squares = np.empty(4 * down * across, np.int32), np.empty(4 * down * across, np.int32)
        _quarters(picture, down, across, beside)
        _quarters(squares, down, across, beside_squares)
        first_at = np.empty((stumps.first[1], CORNERS), np.uint32)
        inside = _corners(stumps, down, across, first_at)
        windows = (windows[0], windows[1], across)
    places, norm = np.empty(windows[0] * windows[1], np.uint32), np.empty(windows[0] * windows[1], np.float32)
    count = _first_stage(
        beside, beside_squares, windows, steps, stride, scout_stages == 0, stumps, first_at, inside, places, norm
    )
    last = min(scout_stages, stages) if scout_stages else stages
    legs = np.array([1, min(FEW_FROM, last), last])
    for leg in range(2):
        count = _survivors(flat, places, norm, count, stumps, at, min(legs[leg], last), legs[leg + 1])
    return places[:count].copy()


@_compiled
def search_near(picture, squares, leads, reach, stumps):
    """The windows within `reach` pixels of a lead that `search_scale` would find with `steps` 1."""
    stride, stages = picture.shape[1], len(stumps.stage_threshold)
    rows, columns = picture.shape[0] - stumps.height, stride - stumps.width
    if rows <= 0 or columns <= 0 or len(leads) == 0:
        return np.empty(0, np.uint32)
    flat, flat_squares = picture.reshape(-1), squares.reshape(-1)
    at = np.empty((len(stumps.kind), CORNERS), np.uint32)
    inside = _corners(stumps, stride, 0, at)
    places, norm, count = _near(flat, flat_squares, (rows, columns, stride), leads, reach, stumps, at, inside)
    count = _survivors(flat, places, norm, count, stumps, at, np.int64(1), stages)
    return places[:count].copy()
