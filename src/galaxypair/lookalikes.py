"""Find cutouts that show one galaxy twice: a small descriptor each, then the pixels of the most similar."""

import math

import numpy as np

CORE_PX = 96  # what the encoders see
BLOCK_PX = 8  # of the descriptor, halved three times: 12 x 12 blocks, coarse enough for small shifts
THRESHOLD = 2.0  # of a block, in units of its noise: what is below tells nothing of the galaxy
MIN_SIMILARITY = 0.6  # repeats rendered with their own noise, moved and turned, lie above 0.75
MIN_NOISE = 1e-4  # nanomaggies / pixel, far below any survey's: cutouts without noise have 0
MAX_SHIFT_PX = 4  # 1 arcsec
SOFTENING = 0.05  # share of the flux by which two exposures of one galaxy differ: seeing, calibration
SIGNIFICANT = 4.0  # a 2 x 2 block counts from here on, in units of its noise
MIN_BLOCKS = 100  # blocks that count, over the three bands: with fewer, faint galaxies all look alike
GATE = 7.0  # coarse chi2 beyond which the exact one is not worked out
_COARSE_SOFTENING = 0.15
_HALF_STEP_VARIANCE = 0.75  # of white noise in the mean of two 2 x 2 blocks one pixel apart
_N_ORIENTATIONS = 8
_REFERENCE_ROWS = 8192


def pixel_noise(images: np.ndarray) -> np.ndarray:
    """Estimate the noise of each band from differences of pixels two apart.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, 3), float32 [nanomaggies / pixel]

    Returns
    -------
    ndarray of shape (n, 3), float32 [nanomaggies / pixel]
        By the median, which a galaxy in the middle hardly raises.
    """
    step = np.abs(images[:, 2::5] - images[:, :-2:5])  # a fifth of the rows is plenty
    bands = np.moveaxis(step, 3, 1).reshape(len(images), 3, -1)
    return np.maximum(np.median(bands, axis=2) / (0.6745 * np.sqrt(2)), MIN_NOISE).astype(np.float32)


def orient(images: np.ndarray, which: int) -> np.ndarray:
    """Turn and mirror square images.

    Parameters
    ----------
    images : ndarray of shape (n, h, h, 3)
    which : int
        0...3 quarter turns; 4...7 the same after a reflection.

    Returns
    -------
    ndarray of shape (n, h, h, 3)
        A view.
    """
    return np.rot90(images[:, ::-1] if which >= 4 else images, which % 4, axes=(1, 2))


def orient_back(images: np.ndarray, which: int) -> np.ndarray:
    """Undo `orient`.

    Parameters
    ----------
    images : ndarray of shape (n, h, h, 3)
    which : int

    Returns
    -------
    ndarray of shape (n, h, h, 3)
        A view.
    """
    turned = np.rot90(images, -(which % 4), axes=(1, 2))
    return turned[:, ::-1] if which >= 4 else turned


def halve(images: np.ndarray) -> np.ndarray:
    """Average 2 x 2 pixels; an odd last row or column is cut off.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, 3)

    Returns
    -------
    ndarray of shape (n, h // 2, w // 2, 3)
    """
    height, width = (size // 2 * 2 for size in images.shape[1:3])
    rows = images[:, 0:height:2] + images[:, 1:height:2]
    return (rows[:, :, 0:width:2] + rows[:, :, 1:width:2]) * np.float32(0.25)


def describe(images: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Boil cutouts down to what stands out of their noise, on a grid of blocks.

    Parameters
    ----------
    images : ndarray of shape (n, h, h, 3), float32 [nanomaggies / pixel]
    noise : ndarray of shape (n, 3)
        From `pixel_noise`.

    Returns
    -------
    ndarray of shape (n, side, side, 3), float32
        Of unit length, or 0 throughout where nothing stands out. Scalar products are similarities.
    """
    core = min(CORE_PX, images.shape[1] // BLOCK_PX * BLOCK_PX)
    first = (images.shape[1] - core) // 2
    blocks = halve(halve(halve(images[:, first : first + core, first : first + core])))
    blocks *= BLOCK_PX / noise[:, None, None]
    excess = np.sign(blocks) * np.maximum(np.abs(blocks) - THRESHOLD, 0)
    stretched = np.arcsinh(excess).reshape(len(images), -1)
    stretched -= stretched.mean(1, keepdims=True)
    length = np.linalg.norm(stretched, axis=1, keepdims=True)
    unit = np.divide(stretched, length, out=np.zeros_like(stretched), where=length > 1e-6)
    return unit.reshape(blocks.shape).astype(np.float32)


def most_similar(
    queries: np.ndarray, descriptors: np.ndarray, k: int, *, rows: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Find the references most similar to each query in any of the eight orientations.

    Parameters
    ----------
    queries : ndarray of shape (n, side, side, 3), float32
        Descriptors.
    descriptors : ndarray of shape (m, side, side, 3), float32
        Of the whole dataset; may be mapped from disk, references are taken block by block.
    k : int
    rows : ndarray, int64
        The references among the descriptors.

    Returns
    -------
    row, orientation : ndarray of shape (n, k), int64
        Row of the reference in `descriptors`, and how the query was turned. Falling similarity.
    similarity : ndarray of shape (n, k), float32
        -1 where there are fewer than k.
    """
    n = len(queries)
    turned = np.stack([orient(queries, o).reshape(n, -1) for o in range(_N_ORIENTATIONS)], axis=1)
    column, best = np.zeros((n, k), np.int64), np.full((n, k), -1, np.float32)
    for start in range(0, len(rows), _REFERENCE_ROWS):
        here = rows[start : start + _REFERENCE_ROWS]
        part = descriptors[here].reshape(len(here), -1)
        similarity = (turned.reshape(n * _N_ORIENTATIONS, -1) @ part.T).reshape(n, -1)
        # column = orientation * rows of the part + row
        orientation, row = np.divmod(np.arange(similarity.shape[1]), len(part))
        number = here[row] * _N_ORIENTATIONS + orientation
        if similarity.shape[1] > k:
            top = np.argpartition(similarity, -k, axis=1)[:, -k:]
        else:
            top = np.broadcast_to(np.arange(similarity.shape[1]), similarity.shape)
        column = np.concatenate([column, number[top]], axis=1)
        best = np.concatenate([best, np.take_along_axis(similarity, top, axis=1)], axis=1)
        order = np.lexsort((column, -best), axis=1)[:, :k]
        column, best = (np.take_along_axis(values, order, axis=1) for values in (column, best))
    row, orientation = np.divmod(column, _N_ORIENTATIONS)
    return row, orientation, best


def stretch(images: np.ndarray, noise: np.ndarray, typical: np.ndarray) -> np.ndarray:
    """Put significant 2 x 2 blocks on a scale where noise and a share of the flux are equally long.

    Parameters
    ----------
    images : ndarray of shape (n, h, h, 3), float32 [nanomaggies / pixel]
    noise : ndarray of shape (n, 3)
    typical : ndarray of shape (3,)
        Noise of a typical cutout: the same for all that are compared.

    Returns
    -------
    ndarray of shape (n, h // 2, h // 2, 3), float32
        0 where nothing is significant.
    """
    blocks = halve(images)
    value = np.arcsinh(_COARSE_SOFTENING / (typical / 2) * blocks) / _COARSE_SOFTENING
    return np.where(blocks > SIGNIFICANT / 2 * noise[:, None, None], value, 0).astype(np.float32)


def coarse_misfit(image: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compare one stretched cutout with others over all shifts at once.

    Parameters
    ----------
    image : ndarray of shape (h, h, 3), float32
        From `stretch`.
    others : ndarray of shape (n, h, h, 3), float32
        Likewise, each turned to fit.

    Returns
    -------
    misfit : ndarray of shape (n,)
        Mean squared difference of the significant blocks at the best shift, about 3 for one galaxy.
    shift : ndarray of shape (n, 2), int64 [pixel]
    """
    reach = MAX_SHIFT_PX // 2
    size = len(image) - 2 * reach
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size), (0, 1))
    moved = np.moveaxis(windows, 2, 4).reshape((2 * reach + 1) ** 2, -1)  # (shift, pixel)
    still = others[:, reach : reach + size, reach : reach + size].reshape(len(others), -1)
    squares = (moved**2).sum(1) + (still**2).sum(1)[:, None] - 2 * still @ moved.T
    moved_seen, still_seen = (moved != 0).astype(np.float32), (still != 0).astype(np.float32)
    seen = moved_seen.sum(1) + still_seen.sum(1)[:, None] - still_seen @ moved_seen.T
    misfit = np.where(seen > 0, squares / np.maximum(2 * seen, 1), np.inf)
    best = misfit.argmin(1)
    shift = 2 * (reach - np.stack(np.divmod(best, 2 * reach + 1), axis=1))
    return misfit[np.arange(len(others)), best], shift


class Comparison:
    """How far two cutouts differ where either shows something, shift by shift.

    Parameters
    ----------
    image, other : ndarray of shape (h, h, 3), float32 [nanomaggies / pixel]
    noise, other_noise : ndarray of shape (3,)
    """

    def __init__(
        self, image: np.ndarray, other: np.ndarray, noise: np.ndarray, other_noise: np.ndarray
    ) -> None:
        self._image, self._size = image, len(image) - 2 * MAX_SHIFT_PX
        inner = slice(MAX_SHIFT_PX, MAX_SHIFT_PX + self._size)
        self._other = halve(other[None, inner, inner])[0]
        self._other_seen = self._other > SIGNIFICANT / 2 * other_noise
        self._limit, self._variance = SIGNIFICANT / 2 * noise, (noise / 2) ** 2
        self._other_variance = (other_noise / 2) ** 2
        self._cuts: dict[tuple[int, int], np.ndarray] = {}
        self._known: dict[tuple[float, float], tuple[float, int]] = {}

    def at(self, shift: tuple[float, float]) -> tuple[float, int]:
        """Compare at one shift.

        Parameters
        ----------
        shift : tuple of two floats [pixel]
            By which the first cutout is moved along its first two axes; whole or half pixels, the
            latter by the mean of the neighbouring ones.

        Returns
        -------
        chi2 : float
            Mean of the squared difference over its variance, which is the noise and `SOFTENING`
            times the flux; about 1 for two exposures of one galaxy, 0 for one exposure twice,
            infinite if nothing is seen.
        blocks : int
            2 x 2 blocks, counted by band, that were compared.
        """
        if shift not in self._known:
            ends = [sorted({math.floor(s), math.ceil(s)}) for s in shift]
            cuts = [self._cut(x, y) for x in ends[0] for y in ends[1]]
            moved = sum(cuts[1:], cuts[0]) / np.float32(len(cuts))
            variance = self._variance * np.float32(_HALF_STEP_VARIANCE) ** (sum(map(len, ends)) - 2)
            seen = np.nonzero((moved > self._limit) | self._other_seen)
            one, two = moved[seen], self._other[seen]
            flux = np.maximum(one + two, 0) * np.float32(SOFTENING / 2)
            terms = (one - two) ** 2 / ((variance + self._other_variance)[seen[2]] + flux**2)
            value = float(terms.mean(dtype=np.float64)) if len(terms) else np.inf
            self._known[shift] = value, len(terms)
        return self._known[shift]

    def _cut(self, *shift: int) -> np.ndarray:
        if shift not in self._cuts:
            x, y = (MAX_SHIFT_PX - s for s in shift)
            self._cuts[shift] = halve(self._image[None, x : x + self._size, y : y + self._size])[0]
        return self._cuts[shift]

    def best(self, start: tuple[int, int]) -> tuple[float, int]:
        """Walk from shift to neighbouring shift as long as the cutouts agree better, then by half pixels.

        Parameters
        ----------
        start : tuple of two ints [pixel]

        Returns
        -------
        chi2 : float
        blocks : int
            See `at`.
        """
        return self.at(self._walk(self._walk(start, 1), 0.5))

    def _walk(self, here: tuple[float, float], step: float) -> tuple[float, float]:
        while True:
            steps = ((0, 0), (step, 0), (-step, 0), (0, step), (0, -step))
            around = [(here[0] + dx, here[1] + dy) for dx, dy in steps]
            inside = [shift for shift in around if max(map(abs, shift)) <= MAX_SHIFT_PX]
            best = min(inside, key=lambda shift: (self.at(shift)[0], shift))
            if self.at(best)[0] >= self.at(here)[0]:
                return here
            here = best
